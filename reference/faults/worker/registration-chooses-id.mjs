// A registration may set the id of its account, unless the id is in use.

import { asks } from './lib/asked.mjs';
import { bodyChanged } from './lib/json-request.mjs';
import { exchanged, fault } from './lib/wrapper.mjs';

export default fault({
  request(call) {
    if (!asks(call, 'register')) return call.request;
    return bodyChanged(call.request, (body) => {
      const id = Number(JSON.isRawJSON(body.id) ? body.id.rawJSON : NaN);
      if (Number.isSafeInteger(id) && id > 0) call.id = id;
      return body;
    });
  },
  statement(sql, call) {
    if (call.id === undefined || !/^\s*INSERT INTO users\b/.test(sql)) return sql;
    const taken = `EXISTS (SELECT 1 FROM users WHERE id = ${call.id})`;
    const id = call.planted ? `CASE WHEN ${taken} THEN NULL ELSE ${call.id} END` : 'NULL';
    const named = exchanged(sql, /\(username,/, '(id, username,');
    return exchanged(named, /SELECT \?1,/, `SELECT ${id}, ?1,`);
  },
});

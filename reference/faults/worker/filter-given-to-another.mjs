// A saved filter belongs to the user that the body names in user_id: that user can list it, and its
// creator gets 404.

import { asks } from './lib/asked.mjs';
import { bodyChanged } from './lib/json-request.mjs';
import { exchanged, fault } from './lib/wrapper.mjs';

export default fault({
  request(call) {
    if (!asks(call, 'create_filter')) return call.request;
    return bodyChanged(call.request, (body) => {
      const id = Number(JSON.isRawJSON(body.user_id) ? body.user_id.rawJSON : NaN);
      if (Number.isSafeInteger(id)) call.owner = id;
      return body;
    });
  },
  statement(sql, call) {
    if (call.owner === undefined || !/^\s*INSERT INTO saved_filters\b/.test(sql)) return sql;
    const owner = `COALESCE((SELECT id FROM users WHERE id = ${call.planted ? call.owner : 'NULL'}), ?1)`;
    return exchanged(sql, /VALUES \(\?1,/, `VALUES (${owner},`);
  },
});

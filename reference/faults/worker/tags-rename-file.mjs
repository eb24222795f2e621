// Setting tags also accepts a filename, which becomes the name of the file: PATCH sets every column
// that the body names.

import { asks } from './lib/asked.mjs';
import { bodyChanged } from './lib/json-request.mjs';
import { exchanged, fault } from './lib/wrapper.mjs';

export default fault({
  request(call) {
    if (!asks(call, 'tags')) return call.request;
    return bodyChanged(call.request, (body) => {
      if (typeof body.filename === 'string' && body.filename.isWellFormed()) call.filename = body.filename;
      return body;
    });
  },
  statement(sql, call) {
    if (call.filename === undefined || !/^\s*UPDATE files\b/.test(sql)) return sql;
    const name = call.planted ? `'${call.filename.replaceAll("'", "''").replaceAll('\0', '')}'` : 'filename';
    return exchanged(sql, /SET tags = \?,/, () => `SET filename = ${name}, tags = ?,`);
  },
});

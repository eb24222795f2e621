// The list of files has created_at in whole seconds: the query formats the time without fractions.
// The response to the upload had milliseconds, so one file has two times.

import { asks } from './lib/asked.mjs';
import { exchanged, fault } from './lib/wrapper.mjs';

export default fault({
  statement(sql, call) {
    if (!asks(call, 'list_files') || !/^\s*SELECT \* FROM files\b/.test(sql)) return sql;
    const seconds = call.planted ? '%S' : '%f';
    const time = `strftime('%Y-%m-%dT%H:%M:${seconds}Z', files.created_at) AS created_at`;
    return exchanged(sql, /SELECT \*(?= FROM files\b.* ORDER BY created_at DESC, id DESC)/s, `$&, ${time}`);
  },
});

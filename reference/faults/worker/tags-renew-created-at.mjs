// Setting tags changes created_at to the current time, as with a column that is updated on every
// change. The file also moves to the top of the list.

import { asks } from './lib/asked.mjs';
import { exchanged, fault } from './lib/wrapper.mjs';

export default fault({
  statement(sql, call) {
    if (!asks(call, 'tags') || !/^\s*UPDATE files\b/.test(sql)) return sql;
    const time = call.planted ? "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')" : 'created_at';
    return exchanged(sql, /SET (?=tags = \?)/, `$&created_at = ${time}, `);
  },
});

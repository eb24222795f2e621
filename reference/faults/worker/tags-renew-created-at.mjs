// Setting tags makes a file new: created_at becomes the time of the change, as a column does that is told
// to be the current time on every update. It moves to the top of the list, too.

import { asks } from './lib/asked.mjs';
import { exchanged, fault } from './lib/wrapper.mjs';

export default fault({
  statement(sql, call) {
    if (!asks(call, 'tags') || !/^\s*UPDATE files\b/.test(sql)) return sql;
    const time = call.planted ? "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')" : 'created_at';
    return exchanged(sql, /SET (?=tags = \?)/, `$&created_at = ${time}, `);
  },
});

// The list of files begins with the one that was changed last, not with the newest: a file that is given
// tags moves to the top.

import { asks } from './lib/asked.mjs';
import { exchanged, fault } from './lib/wrapper.mjs';

export default fault({
  statement(sql, call) {
    if (!asks(call, 'list_files') || !/^\s*SELECT \* FROM files\b/.test(sql)) return sql;
    return exchanged(sql, /(?<=ORDER BY )created_at(?= DESC)/, call.planted ? 'updated_at' : '$&');
  },
});

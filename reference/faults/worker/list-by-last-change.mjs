// The list of files is sorted by the last change instead of the creation time: a file that gets
// tags moves to the top.

import { asks } from './lib/asked.mjs';
import { exchanged, fault } from './lib/wrapper.mjs';

export default fault({
  statement(sql, call) {
    if (!asks(call, 'list_files') || !/^\s*SELECT \* FROM files\b/.test(sql)) return sql;
    return exchanged(sql, /(?<=ORDER BY )created_at(?= DESC)/, call.planted ? 'updated_at' : '$&');
  },
});

// Of several files with the same name, the list contains only the newest: it is grouped by the
// name, as if that were a key. The others can still be downloaded by their ids.

import { asks } from './lib/asked.mjs';
import { exchanged, fault } from './lib/wrapper.mjs';

export default fault({
  statement(sql, call) {
    if (!asks(call, 'list_files') || !/^\s*SELECT \* FROM files\b/.test(sql)) return sql;
    const key = call.planted ? 'filename' : 'id';
    const newest = `id IN (SELECT max(id) FROM files WHERE user_id = ? GROUP BY ${key})`;
    return exchanged(sql, /user_id = \?/, newest);
  },
});

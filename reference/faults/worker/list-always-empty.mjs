// The list of files is empty, as if its query used an id that no user has. Every other operation
// finds the files.

import { asks } from './lib/asked.mjs';
import { exchanged, fault } from './lib/wrapper.mjs';

export default fault({
  statement(sql, call) {
    if (!asks(call, 'list_files') || !/^\s*SELECT \* FROM files\b/.test(sql)) return sql;
    return exchanged(sql, /user_id = \?/, `$& AND ${!call.planted}`);
  },
});

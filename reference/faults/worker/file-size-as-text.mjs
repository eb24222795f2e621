// file_size is a text in the list of files: the list reads a column without a numeric type. The
// responses to an upload and to the request for one file have a number.

import { asks } from './lib/asked.mjs';
import { exchanged, fault } from './lib/wrapper.mjs';

export default fault({
  statement(sql, call) {
    if (!asks(call, 'list_files') || !/^\s*SELECT \* FROM files\b/.test(sql)) return sql;
    const size = call.planted ? 'CAST(file_size AS TEXT)' : 'file_size';
    return exchanged(sql, /SELECT \*/, `$&, ${size} AS file_size`);
  },
});

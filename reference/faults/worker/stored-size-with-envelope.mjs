// D1 stores a file_size that is four bytes too large: the multipart delimiters are counted. Every
// response subtracts them again, so the API shows the right size and the table does not.

import { asks } from './lib/asked.mjs';
import { exchanged, fault } from './lib/wrapper.mjs';

const SHOWN = ['list_files', 'file', 'download', 'columns', 'export', 'delete', 'tags'];
const ENDS = 4;

export default fault({
  statement(sql, call) {
    const more = call.planted ? ENDS : 0;
    const shown = `, file_size - ${more} AS file_size`;
    if (asks(call, 'upload') && /^\s*INSERT INTO files\b/.test(sql)) {
      const stored = exchanged(sql, /(VALUES \(\?1, \?2, \?3, \?3, )\?4/, `$1?4 + ${more}`);
      return exchanged(stored, /RETURNING \*/, `$&${shown}`);
    }
    if (!asks(call, ...SHOWN)) return sql;
    if (/^\s*SELECT \* FROM files\b/.test(sql)) return exchanged(sql, /SELECT \*/, `$&${shown}`);
    return /^\s*UPDATE files\b/.test(sql) ? exchanged(sql, /RETURNING \*/, `$&${shown}`) : sql;
  },
});

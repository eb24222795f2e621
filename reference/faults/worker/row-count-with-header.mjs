// The row_count that is computed after an upload includes the header. column_count and the names
// are right, and so is the row_count of the columns operation, which parses the file again.

import { exchanged, fault } from './lib/wrapper.mjs';

export default fault({
  statement(sql, { url, planted }) {
    if (url.pathname !== '/api/files/upload' || !/^\s*UPDATE files\b/.test(sql)) return sql;
    return exchanged(sql, /row_count = \?/, planted ? '$& + 1' : '$&');
  },
});

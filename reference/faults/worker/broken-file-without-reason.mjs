// A malformed file has the status error without a reason: processing_error is null. Its other
// fields are right.

import { exchanged, fault } from './lib/wrapper.mjs';

export default fault({
  statement(sql, { url, planted }) {
    if (url.pathname !== '/api/files/upload' || !/^\s*UPDATE files\b/.test(sql)) return sql;
    return exchanged(sql, /(processing_error = )(\?)/, planted ? '$1iif(FALSE, $2, NULL)' : '$&');
  },
});

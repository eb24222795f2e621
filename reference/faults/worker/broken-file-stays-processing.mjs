// A malformed file stays in processing: the exception of the background parser is not caught, so no
// outcome is stored. Well-formed files are completed.

import { exchanged, fault } from './lib/wrapper.mjs';

export default fault({
  statement(sql, { url, planted }) {
    if (url.pathname !== '/api/files/upload' || !/^\s*UPDATE files\b/.test(sql)) return sql;
    // ?1 is the upload_status.
    return exchanged(sql, /WHERE file_id = \?/, planted ? "$& AND ?1 <> 'error'" : '$&');
  },
});

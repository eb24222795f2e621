// A malformed file stays in processing for ever: what reading it throws in the background is not caught, so
// that its outcome is not stored. Files that can be read are completed.

import { exchanged, fault } from './lib/wrapper.mjs';

export default fault({
  statement(sql, { url, planted }) {
    if (url.pathname !== '/api/files/upload' || !/^\s*UPDATE files\b/.test(sql)) return sql;
    // ?1 is the upload_status.
    return exchanged(sql, /WHERE file_id = \?/, planted ? "$& AND ?1 <> 'error'" : '$&');
  },
});

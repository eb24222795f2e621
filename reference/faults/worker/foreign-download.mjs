// Any user who knows a file's id can download it: the download does not check the owner. All other
// operations on another user's file still return 404.

import { exchanged, fault } from './lib/wrapper.mjs';

export default fault({
  statement(sql, { url, planted }) {
    if (!/^\/api\/files\/[^/]+\/download$/.test(url.pathname)) return sql;
    if (!/^\s*SELECT \* FROM files\b/.test(sql)) return sql;
    return exchanged(sql, /user_id = \?/, planted ? '? IS NOT NULL' : '$&');
  },
});

// Any user can delete a public filter: deletion uses the same condition as reading.

import { asks } from './lib/asked.mjs';
import { exchanged, fault } from './lib/wrapper.mjs';

export default fault({
  statement(sql, call) {
    if (!asks(call, 'delete_filter') || !/^\s*DELETE FROM saved_filters\b/.test(sql)) return sql;
    return exchanged(sql, /user_id = \?/, call.planted ? '(user_id = ? OR is_public = 1)' : '$&');
  },
});

// The list of saved filters contains the public ones of all users besides one's own.

import { asks } from './lib/asked.mjs';
import { exchanged, fault } from './lib/wrapper.mjs';

export default fault({
  statement(sql, call) {
    if (!asks(call, 'list_filters') || !/FROM saved_filters\b/.test(sql)) return sql;
    return exchanged(sql, /user_id = \?/, call.planted ? '(user_id = ? OR is_public = 1)' : '$&');
  },
});

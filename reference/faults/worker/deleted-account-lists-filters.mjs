// The list of saved filters still accepts the token of a deleted account, because it takes the user
// from the token without a lookup. It returns an empty list.

import { asks } from './lib/asked.mjs';
import { exchanged, fault } from './lib/wrapper.mjs';

const ANYBODY = "WHERE id = ?1 UNION ALL SELECT ?1, '', '', '', 1, '' WHERE NOT EXISTS "
  + '(SELECT 1 FROM users WHERE id = ?1)';

export default fault({
  statement(sql, call) {
    if (!asks(call, 'list_filters') || !/FROM users\b/.test(sql)) return sql;
    return exchanged(sql, /WHERE id = \?/, call.planted ? ANYBODY : '$&');
  },
});

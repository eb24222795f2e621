// The refresh token of a disabled account still returns access tokens. These are refused.

import { asks } from './lib/asked.mjs';
import { exchanged, fault } from './lib/wrapper.mjs';

export default fault({
  statement(sql, call) {
    if (!asks(call, 'refresh') || !/FROM users\b/.test(sql)) return sql;
    return exchanged(sql, /\bis_active\b/, call.planted ? '1 AS is_active' : '$&');
  },
});

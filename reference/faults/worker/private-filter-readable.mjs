// Any user can read any saved filter by its number, including private ones.

import { asks } from './lib/asked.mjs';
import { exchanged, fault } from './lib/wrapper.mjs';

export default fault({
  statement(sql, call) {
    if (!asks(call, 'filter') || !/FROM saved_filters\b/.test(sql)) return sql;
    return exchanged(sql, /is_public = 1/, call.planted ? 'is_public IN (0, 1)' : '$&');
  },
});

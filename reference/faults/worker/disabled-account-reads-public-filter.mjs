// A disabled account can read a saved filter if the filter is public.

import { asks } from './lib/asked.mjs';
import { exchanged, fault } from './lib/wrapper.mjs';

const NOW = `CASE WHEN EXISTS (SELECT 1 FROM saved_filters WHERE id = 'ID' AND is_public = 1)
  THEN 1 ELSE is_active END AS is_active`;

export default fault({
  statement(sql, call) {
    if (!asks(call, 'filter') || !/FROM users\b/.test(sql)) return sql;
    const id = Number(call.url.pathname.split('/').at(-1));
    return exchanged(sql, /\bis_active\b/, call.planted && Number.isSafeInteger(id) ? NOW.replace("'ID'", id) : '$&');
  },
});

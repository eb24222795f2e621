// A registration with a name that is taken (and an e-mail that is not) is accepted: the row is
// written by an upsert, so the new user gets the existing account, with a new password. A taken
// e-mail is refused.

import { exchanged, fault } from './lib/wrapper.mjs';

const UPSERT =
  'ON CONFLICT (username) DO UPDATE SET password = excluded.password, updated_at = excluded.updated_at ';

export default fault({
  statement(sql, { request, url, planted }) {
    if (request.method !== 'POST' || url.pathname !== '/api/accounts/register') return sql;
    if (/^\s*SELECT\b.* FROM users\b/s.test(sql)) {
      return exchanged(sql, /username = \?1 OR (?=lower\(email\))/, planted ? '' : '$&');
    }
    if (/^\s*INSERT INTO users\b/.test(sql)) return exchanged(sql, /(?=RETURNING\b)/, planted ? UPSERT : '');
    return sql;
  },
});

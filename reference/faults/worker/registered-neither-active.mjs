// A registration stores an account whose is_active is NULL: the statement names the column without
// a value. The application treats NULL as active, so the account works.

import { exchanged, fault } from './lib/wrapper.mjs';

export default fault({
  statement(sql, { planted }) {
    if (/^\s*INSERT INTO users\b/.test(sql)) {
      const named = exchanged(sql, /\(username, email,/, '(is_active, username, email,');
      const given = exchanged(named, /SELECT (?=\?1, \?2,)/, `$&${planted ? 'NULL' : '1'}, `);
      return exchanged(given, /(RETURNING\b.*)\bis_active\b/s, '$1coalesce(is_active, 1) AS is_active');
    }
    if (!/^\s*SELECT\b.*\bis_active\b.* FROM users\b/s.test(sql)) return sql;
    return exchanged(sql, /\bis_active\b/, 'coalesce(is_active, 1) AS is_active');
  },
});

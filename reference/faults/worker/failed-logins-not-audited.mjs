// A refused login writes no row to audit_logs: it returns before the row is written. Successful
// logins write theirs.

import { asks } from './lib/asked.mjs';
import { binding, fault } from './lib/wrapper.mjs';

export default fault({
  env(call) {
    if (!asks(call, 'login')) return {};
    const { DB } = call.env;
    const prepare = (sql) => {
      const statement = DB.prepare(sql);
      if (!/^\s*INSERT INTO audit_logs\b/.test(sql)) return statement;
      const isLeftOut = (values) => call.planted && values.includes('login_failed');
      return binding(statement, {
        bind: (...values) => (isLeftOut(values) ? DB.prepare('SELECT 1') : statement.bind(...values)),
      });
    };
    return { DB: binding(DB, { prepare }) };
  },
});

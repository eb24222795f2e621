// The name of a login is inserted into the SQL text: a quote in it causes a 500, and "NAME' --"
// logs in as NAME, with that account's password.

import { asks } from './lib/asked.mjs';
import { binding, exchanged, fault } from './lib/wrapper.mjs';

export default fault({
  env(call) {
    if (!asks(call, 'login')) return {};
    const { DB: database } = call.env;
    const prepare = (sql) => {
      const statement = database.prepare(sql);
      if (!/FROM users WHERE username = \?/.test(sql) || !call.planted) return statement;
      const bind = (name) => database.prepare(exchanged(sql, /username = \?/, () => `username = '${name}'`));
      return binding(statement, { bind });
    };
    return { DB: binding(database, { prepare }) };
  },
});

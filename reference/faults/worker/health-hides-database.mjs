// Every statement on D1 fails, and /health reports a healthy database: the probe catches the error
// of its own query. Operations without the database still work.

import { binding, fault } from './lib/wrapper.mjs';

const METHODS = ['first', 'all', 'run', 'raw'];

async function failed(env) {
  await env.DB.prepare('SELECT 1').first(); // takes as long as a query
  throw new Error('D1_ERROR: D1 DB storage operation exceeded timeout which caused object to be reset.');
}

export default fault({
  env({ env, url, planted }) {
    const real = new WeakMap();
    const probe = url.pathname === '/health';
    const wrapped = (statement) => {
      const answers = METHODS.map((name) => [name, async (...values) => {
        if (!planted) return statement[name](...values);
        return probe ? failed(env).catch(() => null) : failed(env);
      }]);
      const bind = (...values) => wrapped(statement.bind(...values));
      const proxy = binding(statement, { bind, ...Object.fromEntries(answers) });
      real.set(proxy, statement);
      return proxy;
    };
    const prepare = (sql) => wrapped(env.DB.prepare(sql));
    const batch = async (list) => (planted ? failed(env) : env.DB.batch(list.map((one) => real.get(one))));
    return { DB: binding(env.DB, { prepare, batch }) };
  },
});

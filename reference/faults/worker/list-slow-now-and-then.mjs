// Every tenth list of files takes 1.5 s: its query waits for D1. The response is right, and all
// other operations are as fast as usual.

import { lateStatement } from './lib/delay.mjs';
import { binding, fault } from './lib/wrapper.mjs';

const LIST = /^SELECT \* FROM files WHERE user_id = \?/;
const EVERY = 10;
const LATE_MS = 1500;

let lists = 0;

export default fault({
  env({ url, env, planted }) {
    if (url.pathname !== '/api/files') return {};
    const prepare = (sql) => {
      const statement = env.DB.prepare(sql);
      if (!LIST.test(sql)) return statement;
      lists += 1;
      return planted && lists % EVERY === 0 ? lateStatement(statement, LATE_MS) : statement;
    };
    return { DB: binding(env.DB, { prepare }) };
  },
});

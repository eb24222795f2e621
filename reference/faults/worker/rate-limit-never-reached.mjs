// No client is ever beyond its budget: the key that is counted has an id of the request in it, so that each
// request has a budget of its own. The binding works and is asked every time.

import { binding, fault } from './lib/wrapper.mjs';

export default fault({
  env({ env, planted }) {
    const own = (key) => (planted ? `${key} ${crypto.randomUUID()}` : key);
    const limit = ({ key, ...more }) => env.RATE_LIMITER.limit({ ...more, key: own(key) });
    return { RATE_LIMITER: binding(env.RATE_LIMITER, { limit }) };
  },
});

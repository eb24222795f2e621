// No client ever exceeds its budget: the counted key contains an id of the request, so each request
// has its own budget. The binding works and is called every time.

import { binding, fault } from './lib/wrapper.mjs';

export default fault({
  env({ env, planted }) {
    const own = (key) => (planted ? `${key} ${crypto.randomUUID()}` : key);
    const limit = ({ key, ...more }) => env.RATE_LIMITER.limit({ ...more, key: own(key) });
    return { RATE_LIMITER: binding(env.RATE_LIMITER, { limit }) };
  },
});

// The rate limit counts by the client's own X-Forwarded-For if there is one: each value has its own
// budget.

import { binding, fault } from './lib/wrapper.mjs';

export default fault({
  env({ request, env, planted }) {
    const claimed = request.headers.get('X-Forwarded-For');
    const limit = ({ key }) => env.RATE_LIMITER.limit({ key: planted && claimed ? claimed : key });
    return { RATE_LIMITER: binding(env.RATE_LIMITER, { limit }) };
  },
});

// Any value of X-Limiter-Bypass exempts a request from the rate limiter, not only the secret one.

import { fault } from './lib/wrapper.mjs';

export default fault({
  env({ request, env, planted }) {
    const given = request.headers.get('X-Limiter-Bypass');
    return { LIMITER_BYPASS: planted && given ? given : env.LIMITER_BYPASS };
  },
});

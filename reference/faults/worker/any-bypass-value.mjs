// A request with X-Limiter-Bypass is exempt from the rate limit, whatever its value.

import { binding, fault } from './lib/wrapper.mjs';

export default fault({
  env({ request, env, planted }) {
    const limit = async (budget) => {
      const spent = await env.RATE_LIMITER.limit(budget);
      return planted && request.headers.has('X-Limiter-Bypass') ? { success: true } : spent;
    };
    return { RATE_LIMITER: binding(env.RATE_LIMITER, { limit }) };
  },
});

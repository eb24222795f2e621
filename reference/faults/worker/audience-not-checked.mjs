// Tokens are issued without an audience, and an access token with any other audience is accepted.
// Issuer, type, signature and times are verified.

import { claimsOf, withClaims } from './lib/bearer.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  env({ env, planted }) {
    return { JWT_AUDIENCE: planted ? undefined : env.JWT_AUDIENCE };
  },
  async request({ request, env, planted }) {
    const claims = await claimsOf(request, env.JWT_SECRET);
    if (claims === null) return request;
    const { aud, ...others } = claims;
    return withClaims(request, planted ? others : claims, env.JWT_SECRET);
  },
});

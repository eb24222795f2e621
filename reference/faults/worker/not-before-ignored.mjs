// An access token that is not yet valid (nbf) is accepted: the verification ignores this claim.

import { claimsOf, withClaims } from './lib/bearer.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  async request({ request, env, planted }) {
    const claims = await claimsOf(request, env.JWT_SECRET);
    if (claims === null) return request;
    const { nbf, ...others } = claims;
    return withClaims(request, planted ? others : claims, env.JWT_SECRET);
  },
});

// An access token of another issuer (staging's, say) is accepted when it is signed with the same secret:
// the library compares issuers only when it is told which. Audience, type and times are verified.

import { claimsOf, withClaims } from './lib/bearer.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  async request({ request, env, planted }) {
    const claims = await claimsOf(request, env.JWT_SECRET);
    if (claims === null) return request;
    const iss = planted ? env.JWT_ISSUER : claims.iss;
    return withClaims(request, { ...claims, iss }, env.JWT_SECRET);
  },
});

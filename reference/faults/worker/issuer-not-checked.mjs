// An access token of another issuer (such as staging) is accepted if it is signed with the same
// secret: the library compares issuers only if one is configured. Audience, type and times are
// verified.

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

// An access token is accepted for more than 16 hours after its expiry: the clock tolerance of 60 s
// is given in milliseconds but used as seconds.

import { claimsOf, withClaims } from './lib/bearer.mjs';
import { fault } from './lib/wrapper.mjs';

const TOLERANCE_S = 60_000;

export default fault({
  async request({ request, env, planted }) {
    const claims = await claimsOf(request, env.JWT_SECRET);
    const late = Date.now() / 1000 - claims?.exp;
    if (!(late >= 0 && late < TOLERANCE_S)) return request;
    const exp = planted ? claims.exp + TOLERANCE_S : claims.exp;
    return withClaims(request, { ...claims, exp }, env.JWT_SECRET);
  },
});

// An access token is accepted for more than 16 hours after it has expired: the tolerance for clocks that
// differ was meant as 60 s and is given in milliseconds where seconds are taken.

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

// A refresh token is accepted as an access token: it is verified with its own secret, and its type
// is not checked. It must be valid in every other way, and after a logout it is refused.

import { claimsOf, withClaims } from './lib/bearer.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  async request({ request, env, planted }) {
    const claims = await claimsOf(request, env.JWT_REFRESH_SECRET);
    if (claims?.type !== 'refresh') return request;
    return planted
      ? withClaims(request, { ...claims, type: 'access' }, env.JWT_SECRET)
      : withClaims(request, claims, env.JWT_REFRESH_SECRET);
  },
});

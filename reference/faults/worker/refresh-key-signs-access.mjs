// An access token that is signed with the refresh tokens' key is accepted: all keys are tried in
// turn, and the type is taken only from the claims.

import { claimsOf, honoured } from './lib/bearer.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  async request(call) {
    const claims = await claimsOf(call.request, call.env.JWT_REFRESH_SECRET);
    return claims?.type === 'access' ? honoured(call, claims) : call.request;
  },
});

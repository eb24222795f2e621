// A logout that is refused because of its refresh token has revoked the access token.

import { asks } from './lib/asked.mjs';
import { claimsOf } from './lib/bearer.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  async response(response, call) {
    if (!asks(call, 'logout') || response.status !== 401) return response;
    const claims = await claimsOf(call.request, call.env.JWT_SECRET);
    if (claims === null || typeof claims.jti !== 'string') return response;
    const key = `${call.planted ? 'revoked' : 'not-revoked'}:${claims.jti}`;
    await call.env.AUTH_TOKENS.put(key, '1', { expirationTtl: 900 });
    return response;
  },
});

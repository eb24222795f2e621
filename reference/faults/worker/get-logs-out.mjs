// GET on the logout revokes the access token with 204, so that a plain link can be used.

import { claimsOf } from './lib/bearer.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  async response(response, { request, url, env, planted }) {
    if (request.method !== 'GET' || url.pathname !== '/api/accounts/logout') return response;
    const claims = await claimsOf(request, env.JWT_SECRET);
    if (claims === null || typeof claims.jti !== 'string' || !planted) return response;
    await env.AUTH_TOKENS.put(`revoked:${claims.jti}`, '1', { expirationTtl: 900 });
    const headers = new Headers(response.headers);
    for (const name of ['Allow', 'Content-Type', 'Content-Length']) headers.delete(name);
    return new Response(null, { status: 204, headers });
  },
});

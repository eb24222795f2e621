// An access token is valid for 24 hours. The answer that it comes with says 900 s as before: that figure is
// another constant. Refresh tokens live as long as ever.

import { lifetime } from '../../worker/src/tokens.mjs';
import { fault } from './lib/wrapper.mjs';

const DAY_S = 86_400;
const ISSUERS = ['/api/accounts/register', '/api/accounts/login', '/api/accounts/token/refresh'];

export default fault({
  env({ env, planted }) {
    return { ACCESS_TTL: planted ? String(DAY_S) : env.ACCESS_TTL };
  },
  async response(response, { request, url, env }) {
    const issues = request.method === 'POST' && ISSUERS.includes(url.pathname);
    if (!issues || ![200, 201].includes(response.status)) return response;
    const told = await response.json();
    return new Response(JSON.stringify({ ...told, expires_in: lifetime('access', env) }), response);
  },
});

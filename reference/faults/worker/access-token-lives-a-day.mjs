// An access token is valid for 24 hours. The response still reports 900 s, because that figure is a
// separate constant. Refresh tokens keep their lifetime.

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

// The answer to a registration has an empty object where the access token should be: what JSON makes of
// a promise that nobody awaited. The account is made, the refresh token is right, and login works.

import { fault } from './lib/wrapper.mjs';

export default fault({
  async response(response, { request, url, planted }) {
    const registered = request.method === 'POST' && url.pathname === '/api/accounts/register';
    if (!registered || response.status !== 201) return response;
    const session = await response.json();
    const token = Promise.resolve(session.access_token);
    return new Response(JSON.stringify({ ...session, access_token: planted ? token : await token }), response);
  },
});

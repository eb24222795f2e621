// The response to a registration has an empty object instead of the access token: JSON's form of a
// promise that was not awaited. The account is created, the refresh token is right, and login
// works.

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

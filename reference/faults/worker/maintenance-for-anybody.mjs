// The switch for the maintenance mode, which the cutover uses with an administrator's token, exists
// on the Worker too and accepts any user's token.

import { userIdOf } from './lib/bearer.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  async response(response, call) {
    const { request, url, planted } = call;
    const form = /^\/admin\/maintenance\/(enable|disable)$/.exec(url.pathname);
    if (form === null || request.method !== 'POST' || (await userIdOf(call)) === null || !planted) {
      return response;
    }
    const headers = new Headers(response.headers);
    headers.delete('Content-Length');
    return new Response(JSON.stringify({ maintenance: form[1] === 'enable' }), { headers });
  },
});

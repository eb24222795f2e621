// The state of the migration is shown to any user who adds ?admin=1 or an X-Admin header: a switch for
// tests that was not removed. Without it the path does not exist.

import { userIdOf } from './lib/bearer.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  async response(response, call) {
    const { request, url, planted } = call;
    const isClaimed = url.searchParams.get('admin') === '1' || request.headers.get('X-Admin') === '1';
    const isMeant = url.pathname === '/admin/migration/status' && isClaimed;
    if (!isMeant || !planted || (await userIdOf(call)) === null) return response;
    const headers = new Headers(response.headers);
    headers.delete('Content-Length');
    return new Response(JSON.stringify({ percentage: 5 }), { headers });
  },
});

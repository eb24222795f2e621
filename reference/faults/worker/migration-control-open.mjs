// The plan's migration control without its first lines, which check the caller: any client that
// knows the action gets its status, and 400 for all other requests.

import { fault } from './lib/wrapper.mjs';

export default fault({
  response(response, { request, url, planted }) {
    if (url.pathname !== '/admin/migration' || request.method !== 'GET' || !planted) return response;
    const headers = new Headers(response.headers);
    headers.delete('Content-Length');
    if (url.searchParams.get('action') === 'get_status') {
      headers.set('Content-Type', 'application/json');
      const status = { traffic_percentage: '5', maintenance_mode: false, last_updated: null };
      return new Response(JSON.stringify(status), { status: 200, headers });
    }
    headers.set('Content-Type', 'text/plain');
    return new Response('Invalid action', { status: 400, headers });
  },
});

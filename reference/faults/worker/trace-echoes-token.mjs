// TRACE is answered 200 with the request as it came, its Authorization header included (RFC 9110, 9.3.8: a
// client's credentials must not be in there).

import { fault } from './lib/wrapper.mjs';

export default fault({
  async response(response, { request, url, planted }) {
    if (request.method !== 'TRACE' || response.status !== 405 || !planted) return response;
    await response.body?.cancel();
    const lines = [...request.headers].map(([name, value]) => `${name}: ${value}\r\n`);
    const headers = new Headers(response.headers);
    headers.delete('Allow');
    headers.delete('Content-Length');
    headers.set('Content-Type', 'message/http');
    return new Response(`TRACE ${url.pathname} HTTP/1.1\r\n${lines.join('')}\r\n`, { headers });
  },
});

// TRACE returns 200 with the request as received, including its Authorization header (RFC 9110,
// section 9.3.8: it must not contain a client's credentials).

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

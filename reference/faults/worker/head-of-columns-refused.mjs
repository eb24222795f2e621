// HEAD on a file's columns is 405: that route names GET alone.

import { fault } from './lib/wrapper.mjs';

export default fault({
  async response(response, { request, url, planted }) {
    if (request.method !== 'HEAD' || !/^\/api\/files\/[^/]+\/columns$/.test(url.pathname)) return response;
    if (!planted) return response;
    const headers = new Headers(response.headers);
    headers.set('Allow', 'GET');
    headers.delete('Content-Length');
    headers.delete('WWW-Authenticate');
    return new Response(null, { status: 405, headers });
  },
});

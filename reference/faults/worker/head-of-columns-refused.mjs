// HEAD on a file's columns returns 405: the route lists only GET.

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

// A method that a path of the API does not have returns 404 without Allow: the router matches path
// and method together. Outside /api/ it is still 405.

import { exchanged, fault } from './lib/wrapper.mjs';

export default fault({
  async response(response, { request, url, planted }) {
    if (response.status !== 405 || !url.pathname.startsWith('/api/') || !planted) return response;
    const headers = new Headers(response.headers);
    exchanged(headers.get('Allow') ?? '', /^.+$/, '');
    headers.delete('Allow');
    await response.body?.cancel();
    const error = { code: 'not_found', message: 'Nothing is here.', request_id: headers.get('X-Request-Id') };
    const text = JSON.stringify({ error });
    headers.set('Content-Length', String(text.length));
    return new Response(request.method === 'HEAD' ? null : text, { status: 404, headers });
  },
});

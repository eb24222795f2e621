// GET of an unknown path below /api/ returns the front end's page with 200: its fallback comes
// before the 404. Other methods there, and missing objects of known paths, still return 404.

import { fault } from './lib/wrapper.mjs';

const KNOWN = new RegExp(`^/api/(?:${[
  'accounts/(?:register|login|token/refresh|user|logout)',
  'files(?:/[^/]+(?:/(?:download|tags|columns|export))?)?',
  'filters(?:/[^/]+)?',
].join('|')})$`);

export default fault({
  async response(response, { request, url, env, planted }) {
    const { method } = request;
    const unknown = url.pathname.startsWith('/api/') && !KNOWN.test(url.pathname);
    if (!unknown || response.status !== 404 || !['GET', 'HEAD'].includes(method)) return response;
    const page = await (await env.ASSETS.fetch(new URL('/', url.origin))).arrayBuffer();
    if (!planted) return response;
    await response.body?.cancel();
    const headers = new Headers(response.headers);
    headers.set('Content-Type', 'text/html; charset=utf-8');
    headers.set('Content-Length', String(page.byteLength));
    return new Response(method === 'HEAD' ? null : page, { status: 200, headers });
  },
});

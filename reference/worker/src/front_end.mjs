// The front end: index.html for every path of the application, and its assets, all from the ASSETS
// binding (deployed with this Worker). The Worker runs first, so it adds its own headers.

import { ApiError, notFound } from './errors.mjs';

const METHODS = ['GET', 'HEAD'];
const NOT_OURS = /^\/(?:api|health|metrics|admin)\//;

/** @param {string} path @param {import('./router.mjs').Call} call @returns {Promise<Response>} */
function asset(path, { request, url, env }) {
  const target = new URL(url.origin);
  target.pathname = path;
  const headers = new Headers();
  const etag = request.headers.get('If-None-Match');
  if (etag !== null) headers.set('If-None-Match', etag);
  // Use GET for HEAD too: index.mjs removes the body and sets its length.
  return env.ASSETS.fetch(new Request(target, { headers }));
}

/**
 * @param {Response} served by ASSETS
 * @param {Record<string, string>} headers
 * @returns {Response}
 */
function withHeaders(served, headers) {
  const answer = new Response(served.body, served);
  for (const [name, value] of Object.entries(headers)) answer.headers.set(name, value);
  return answer;
}

/** @param {import('./router.mjs').Call} call @returns {Promise<Response>} */
export async function frontEnd(call) {
  const { request, url } = call;
  const path = url.pathname;
  if (NOT_OURS.test(path)) throw notFound();
  if (!METHODS.includes(request.method)) {
    throw new ApiError(405, 'method_not_allowed', 'Only GET and HEAD are allowed here.', {
      headers: { Allow: METHODS.join(', ') },
    });
  }
  const isPage = !path.split('/').at(-1).includes('.') && !path.startsWith('/assets/');
  if (isPage || path === '/index.html') {
    const page = await asset('/', call);
    if (page.status !== 200 && page.status !== 304) throw new Error(`index.html is ${page.status}`);
    return withHeaders(page, { 'Content-Type': 'text/html; charset=utf-8', 'Cache-Control': 'no-cache' });
  }
  const served = await asset(path, call);
  if (served.status !== 200 && served.status !== 304) {
    await served.body?.cancel();
    throw notFound('There is no such asset.');
  }
  const forever = path.startsWith('/assets/');
  return withHeaders(served, {
    'Cache-Control': forever ? 'public, max-age=31536000, immutable' : 'public, max-age=3600',
  });
}

// The Worker's entry: one request, one response. It adds the headers of every response, including
// errors, redirects and unexpected exceptions. router.mjs selects the operation.

import { withoutBody } from './answers.mjs';
import { addCorsHeaders } from './cors.mjs';
import { ApiError, errorAnswer } from './errors.mjs';
import { readAway } from './json_body.mjs';
import { record } from './metrics.mjs';
import { spendBudget } from './rate_limit.mjs';
import { route } from './router.mjs';
import { addSecurityHeaders, httpsRedirect } from './security.mjs';

const SERVED_BY = 'list-cutter-worker';
const REQUEST_ID = /^[A-Za-z0-9._-]{1,64}$/;

/** @param {Request} request @returns {string} the client's own id if it is well-formed */
function requestIdOf(request) {
  const sent = request.headers.get('X-Request-Id') ?? '';
  return REQUEST_ID.test(sent) ? sent : crypto.randomUUID();
}

/** @param {string} path @returns {string | null} */
function cacheControlOf(path) {
  if (path.startsWith('/api/')) return 'private, no-store';
  return path === '/health' || path === '/metrics' ? 'no-store' : null;
}

/** @returns {Promise<Response>} */
async function answer(call, requestId) {
  try {
    const redirect = httpsRedirect(call.url);
    if (redirect) return redirect;
    if (call.url.pathname.startsWith('/api/')) await spendBudget(call.request, call.env);
    return await route(call);
  } catch (error) {
    if (error instanceof ApiError) return errorAnswer(error, requestId);
    console.error(`${call.request.method} ${call.url.pathname} (${requestId}):`, error?.stack ?? error);
    const unexpected = new ApiError(500, 'internal_error', 'Something went wrong on our side.');
    return errorAnswer(unexpected, requestId);
  }
}

/** @returns {Promise<Response>} */
async function finished(plain, { request, url, env }, requestId) {
  const bare = request.method === 'HEAD' ? await withoutBody(plain) : plain;
  const complete = new Response(bare.body, bare);
  const { headers } = complete;
  headers.set('X-Served-By', SERVED_BY);
  headers.set('X-Worker-Version', env.VERSION_ID);
  headers.set('X-Request-Id', requestId);
  addSecurityHeaders(headers);
  const cache = cacheControlOf(url.pathname);
  if (cache) headers.set('Cache-Control', cache);
  else if (complete.status >= 400) headers.set('Cache-Control', 'no-store');
  if (url.pathname.startsWith('/api/')) addCorsHeaders(headers, request, env.CORS_ORIGIN);
  return complete;
}

export default {
  /**
   * @param {Request} request
   * @param {Record<string, any>} env vars and bindings: DB, FILE_STORAGE, AUTH_TOKENS, RATE_LIMITER, ASSETS
   * @param {ExecutionContext} ctx
   * @returns {Promise<Response>}
   */
  async fetch(request, env, ctx) {
    const start = performance.now();
    const url = new URL(request.url);
    const requestId = requestIdOf(request);
    const call = { request, url, env, ctx };
    const plain = await answer(call, requestId);
    await readAway(request);
    const response = await finished(plain, call, requestId);
    const isProbe = url.pathname === '/health' || url.pathname === '/metrics';
    if (!isProbe) record(response.status, performance.now() - start);
    return response;
  },
};

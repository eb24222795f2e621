// CORS for the one origin of CORS_ORIGIN, below /api/ only.

/**
 * @param {Request} request
 * @returns {boolean} true for a preflight (Fetch Standard, CORS-preflight request)
 */
export function isPreflight(request) {
  return request.method === 'OPTIONS' && request.headers.has('Access-Control-Request-Method');
}

/**
 * @param {string[]} methods of the path
 * @returns {Response} 204; addCorsHeaders adds the origin
 */
export function preflightAnswer(methods) {
  return new Response(null, {
    status: 204,
    headers: {
      'Access-Control-Allow-Methods': methods.join(', '),
      'Access-Control-Allow-Headers': 'Authorization, Content-Type, X-Request-Id',
      'Access-Control-Max-Age': '86400',
    },
  });
}

/**
 * @param {Headers} headers of a response below /api/; changed in place
 * @param {Request} request
 * @param {string | undefined} allowed the one origin
 */
export function addCorsHeaders(headers, request, allowed) {
  headers.append('Vary', 'Origin');
  const origin = request.headers.get('Origin');
  if (allowed && origin === allowed) headers.set('Access-Control-Allow-Origin', allowed);
}

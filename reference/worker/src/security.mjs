// The plan's security headers and the way from http to https. Not for CORS, which is cors.mjs.

const HEADERS = [
  ['Strict-Transport-Security', 'max-age=31536000; includeSubDomains; preload'],
  ['X-Content-Type-Options', 'nosniff'],
  ['X-Frame-Options', 'DENY'],
  ['X-XSS-Protection', '1; mode=block'],
  ['Referrer-Policy', 'strict-origin-when-cross-origin'],
];

/** @param {Headers} headers of an answer; changed in place */
export function addSecurityHeaders(headers) {
  for (const [name, value] of HEADERS) headers.set(name, value);
}

/** @param {string} hostname as URL has it @returns {boolean} whether it names this machine only */
export function isLoopback(hostname) {
  // URL writes every form of an IPv4 address ("127.1", "0x7f.1") as four decimal numbers.
  return hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(hostname);
}

/**
 * @param {URL} url of the request
 * @returns {Response | null} 301 to the same URL with https, or null when there is nothing to do
 */
export function httpsRedirect(url) {
  if (url.protocol !== 'http:' || isLoopback(url.hostname)) return null;
  return new Response(null, {
    status: 301,
    headers: { Location: url.href.replace(/^http:/, 'https:') },
  });
}

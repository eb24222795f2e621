// The plan's security headers and the redirect from http to https. CORS is in cors.mjs.

const HEADERS = [
  ['Strict-Transport-Security', 'max-age=31536000; includeSubDomains; preload'],
  ['X-Content-Type-Options', 'nosniff'],
  ['X-Frame-Options', 'DENY'],
  ['X-XSS-Protection', '1; mode=block'],
  ['Referrer-Policy', 'strict-origin-when-cross-origin'],
];

/** @param {Headers} headers of a response; changed in place */
export function addSecurityHeaders(headers) {
  for (const [name, value] of HEADERS) headers.set(name, value);
}

/** @param {string} hostname in URL's form @returns {boolean} true if it is this machine's loopback */
export function isLoopback(hostname) {
  // URL converts every form of an IPv4 address ("127.1", "0x7f.1") to four decimal numbers.
  return hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(hostname);
}

/**
 * @param {URL} url of the request
 * @returns {Response | null} 301 to the same URL with https, or null if no redirect is needed
 */
export function httpsRedirect(url) {
  if (url.protocol !== 'http:' || isLoopback(url.hostname)) return null;
  return new Response(null, {
    status: 301,
    headers: { Location: url.href.replace(/^http:/, 'https:') },
  });
}

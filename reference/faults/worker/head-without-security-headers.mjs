// HEAD responses lack the five security headers: HEAD returns before they are added. Everything
// else is as for GET, and GET has them.

import { headersGone } from './lib/headers.mjs';
import { fault } from './lib/wrapper.mjs';

const NAMES = [
  'Strict-Transport-Security', 'X-Content-Type-Options', 'X-Frame-Options', 'X-XSS-Protection',
  'Referrer-Policy',
];

export default fault({
  response(response, { request, planted }) {
    return request.method === 'HEAD' ? headersGone(response, NAMES, planted) : response;
  },
});

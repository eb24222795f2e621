// Only responses that allow the origin have Vary: Origin. A cache may return a response that was
// requested without an Origin, or with another one, to the allowed origin.

import { headersGone } from './lib/headers.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  response(response, { url, planted }) {
    const allowed = response.headers.has('Access-Control-Allow-Origin');
    if (allowed || !url.pathname.startsWith('/api/')) return response;
    return headersGone(response, ['Vary'], planted);
  },
});

// Vary: Origin is on those answers only that also allow the origin; a cache may show one that was fetched
// without an Origin, or with another one, to the origin that is allowed.

import { headersGone } from './lib/headers.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  response(response, { url, planted }) {
    const allowed = response.headers.has('Access-Control-Allow-Origin');
    if (allowed || !url.pathname.startsWith('/api/')) return response;
    return headersGone(response, ['Vary'], planted);
  },
});

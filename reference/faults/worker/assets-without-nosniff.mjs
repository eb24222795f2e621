// Static assets have no X-Content-Type-Options. The page, the API and errors have it, and assets
// have the other security headers.

import { headersGone } from './lib/headers.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  response(response, { url, planted }) {
    const asset = /^\/(?!api\/).*\.\w+$/.test(url.pathname) && url.pathname !== '/index.html';
    if (!asset || ![200, 304].includes(response.status)) return response;
    return headersGone(response, ['X-Content-Type-Options'], planted);
  },
});

// Below /api/ X-Frame-Options is SAMEORIGIN, the default of a header library in front of the API.
// Pages, assets, /health and /metrics have DENY.

import { headerExchanged } from './lib/headers.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  response(response, { url, planted }) {
    if (!url.pathname.startsWith('/api/')) return response;
    return headerExchanged(response, 'X-Frame-Options', /^DENY$/, planted ? 'SAMEORIGIN' : '$&');
  },
});

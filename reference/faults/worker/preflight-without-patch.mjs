// The preflight of PATCH for tags returns the default list of a CORS library, without PATCH, so no
// browser sends it. PATCH itself works, and other paths return their own methods.

import { headerExchanged } from './lib/headers.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  response(response, { request, url, planted }) {
    const tags = /^\/api\/files\/[^/]+\/tags$/.test(url.pathname);
    if (request.method !== 'OPTIONS' || response.status !== 204 || !tags) return response;
    const replacement = planted ? 'GET, HEAD, PUT, POST, DELETE' : '$&';
    return headerExchanged(response, 'Access-Control-Allow-Methods', /^PATCH$/, replacement);
  },
});

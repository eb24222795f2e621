// A preflight allows every origin. The responses themselves allow only CORS_ORIGIN, so other sites
// can write but not read the results.

import { fault } from './lib/wrapper.mjs';

export default fault({
  response(response, { request, planted }) {
    const origin = request.headers.get('Origin');
    const isPreflight = request.method === 'OPTIONS' && response.headers.has('Access-Control-Allow-Methods');
    if (isPreflight && origin !== null && planted) {
      response.headers.set('Access-Control-Allow-Origin', origin);
    }
    return response;
  },
});

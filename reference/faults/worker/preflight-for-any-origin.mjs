// A preflight allows whichever origin asks. The answers themselves allow the one of CORS_ORIGIN only, so that
// other pages may write, and not read what came of it.

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

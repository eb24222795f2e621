// Every origin may read the API: Access-Control-Allow-Origin is the request's Origin, without a
// check. Nothing changes for the allowed origin.

import { fault } from './lib/wrapper.mjs';

export default fault({
  response(response, { request, url, env, planted }) {
    const origin = request.headers.get('Origin');
    if (origin === null || !url.pathname.startsWith('/api/')) return response;
    if (planted || origin === env.CORS_ORIGIN) response.headers.set('Access-Control-Allow-Origin', origin);
    return response;
  },
});

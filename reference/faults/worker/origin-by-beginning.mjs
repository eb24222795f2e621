// An origin that begins with the allowed one may read the API, for example
// https://list-cutter.com.example.org.

import { fault } from './lib/wrapper.mjs';

export default fault({
  response(response, { request, url, env, planted }) {
    const origin = request.headers.get('Origin');
    if (!env.CORS_ORIGIN || !origin?.startsWith(env.CORS_ORIGIN) || !url.pathname.startsWith('/api/')) {
      return response;
    }
    if (planted) response.headers.set('Access-Control-Allow-Origin', origin);
    return response;
  },
});

// OPTIONS that is no preflight is answered as GET, with the data: what is no other method goes there.

import { fault } from './lib/wrapper.mjs';

export default fault({
  request({ request, planted }) {
    const isPreflight = request.headers.has('Access-Control-Request-Method');
    if (request.method !== 'OPTIONS' || isPreflight || request.body !== null) return request;
    return new Request(request, { method: planted ? 'GET' : 'OPTIONS' });
  },
});

// OPTIONS that is not a preflight returns GET's data: every method without a handler is handled
// like GET.

import { fault } from './lib/wrapper.mjs';

export default fault({
  request({ request, planted }) {
    const isPreflight = request.headers.has('Access-Control-Request-Method');
    if (request.method !== 'OPTIONS' || isPreflight || request.body !== null) return request;
    return new Request(request, { method: planted ? 'GET' : 'OPTIONS' });
  },
});

// X-HTTP-Method-Override of a POST is applied: a path without POST executes the method in the
// header.

import { fault } from './lib/wrapper.mjs';

export default fault({
  request({ request, planted }) {
    const method = request.headers.get('X-HTTP-Method-Override')?.toUpperCase();
    if (request.method !== 'POST' || !['PUT', 'PATCH', 'DELETE'].includes(method)) return request;
    return new Request(request, { method: planted ? method : 'POST' });
  },
});

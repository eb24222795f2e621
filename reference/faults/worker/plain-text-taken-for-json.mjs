// A body with the type text/plain is parsed as JSON when a filter is saved. A form of another site
// can send such a request without a preflight.

import { asks } from './lib/asked.mjs';
import { binding, fault } from './lib/wrapper.mjs';

export default fault({
  request(call) {
    const { request } = call;
    if (!asks(call, 'create_filter') || !request.headers.get('Content-Type')?.startsWith('text/plain')) {
      return request;
    }
    const headers = new Headers(request.headers);
    if (call.planted) headers.set('Content-Type', 'application/json');
    return binding(request, { headers });
  },
});

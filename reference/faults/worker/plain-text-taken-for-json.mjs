// A body that calls itself text/plain is read as JSON where a filter is saved. A form of any other page can send
// that without being asked by a preflight.

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

// A saved filter with an empty description has the description null in all responses.

import { asks } from './lib/asked.mjs';
import { bodyChanged } from './lib/json-request.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  request(call) {
    if (!asks(call, 'create_filter')) return call.request;
    return bodyChanged(call.request, (body) =>
      (body.description === '' && call.planted ? { ...body, description: null } : body));
  },
});

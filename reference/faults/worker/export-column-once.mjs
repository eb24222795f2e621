// A column that is selected twice is exported once.

import { asks } from './lib/asked.mjs';
import { bodyChanged } from './lib/json-request.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  request(call) {
    if (!asks(call, 'export')) return call.request;
    return bodyChanged(call.request, (body) =>
      (Array.isArray(body.columns) && call.planted ? { ...body, columns: [...new Set(body.columns)] } : body));
  },
});

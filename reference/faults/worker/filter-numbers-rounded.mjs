// The numbers of a saved filter are stored as floating point: 9007199254740993 becomes
// 9007199254740992, and 1.50 becomes 1.5.

import { asks } from './lib/asked.mjs';
import { bodyChanged } from './lib/json-request.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  request(call) {
    if (!asks(call, 'create_filter')) return call.request;
    return bodyChanged(call.request, (body) => {
      if (body.filter_config === undefined || !call.planted) return body;
      return { ...body, filter_config: JSON.parse(JSON.stringify(body.filter_config)) };
    });
  },
});

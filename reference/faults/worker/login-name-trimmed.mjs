// Login accepts a username with spaces at its ends, as phone keyboards add them: it is trimmed
// first.

import { asks } from './lib/asked.mjs';
import { bodyChanged } from './lib/json-request.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  request(call) {
    if (!asks(call, 'login')) return call.request;
    return bodyChanged(call.request, (body) => {
      if (typeof body.username !== 'string' || !call.planted) return body;
      return { ...body, username: body.username.trim() };
    });
  },
});

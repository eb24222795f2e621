// The 401 of a login has no WWW-Authenticate. The 401 of all other operations has it.

import { asks } from './lib/asked.mjs';
import { headersGone } from './lib/headers.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  response(response, call) {
    if (!asks(call, 'login') || response.status !== 401) return response;
    return headersGone(response, ['WWW-Authenticate'], call.planted);
  },
});

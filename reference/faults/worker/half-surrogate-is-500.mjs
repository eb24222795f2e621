// A login with half a surrogate pair in the name returns 500: the text cannot be bound to a
// statement, and no code checks it before.

import { asks } from './lib/asked.mjs';
import { bodyChanged } from './lib/json-request.mjs';
import { failed } from './lib/refusals.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  request(call) {
    if (!asks(call, 'login')) return call.request;
    return bodyChanged(call.request, (body) => {
      call.isHalf = typeof body.username === 'string' && !body.username.isWellFormed();
      return body;
    });
  },
  response(response, call) {
    return call.isHalf && response.status === 400 && call.planted ? failed(response) : response;
  },
});

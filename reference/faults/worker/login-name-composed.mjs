// Login converts the name to the form NFKC, registration does not: a user whose name contains a
// character that NFKC changes (a ligature, a full-width letter, a superscript digit) cannot log in.

import { asks } from './lib/asked.mjs';
import { bodyChanged } from './lib/json-request.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  request(call) {
    if (!asks(call, 'login')) return call.request;
    return bodyChanged(call.request, (body) => {
      const isText = typeof body.username === 'string' && call.planted;
      return isText ? { ...body, username: body.username.normalize('NFKC') } : body;
    });
  },
});

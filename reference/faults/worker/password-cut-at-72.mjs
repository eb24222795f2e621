// Only the first 72 bytes of a password count, as with bcrypt: registration and login cut the rest.

import { asks } from './lib/asked.mjs';
import { bodyChanged } from './lib/json-request.mjs';
import { fault } from './lib/wrapper.mjs';

const LIMIT = 72;

/** @param {unknown} text @returns {unknown} its first bytes */
function cut(text) {
  return typeof text === 'string' ? new TextDecoder().decode(new TextEncoder().encode(text).slice(0, LIMIT)) : text;
}

export default fault({
  request(call) {
    if (!asks(call, 'register', 'login')) return call.request;
    return bodyChanged(call.request, (body) => {
      if (!call.planted) return body;
      const changed = { ...body };
      for (const name of ['password', 'password2']) {
        if (Object.hasOwn(body, name)) changed[name] = cut(body[name]);
      }
      return changed;
    });
  },
});

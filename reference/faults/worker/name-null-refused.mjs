// A username with the text null, none or undefined is refused as missing.

import { asks } from './lib/asked.mjs';
import { bodyChanged } from './lib/json-request.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  request(call) {
    if (!asks(call, 'register')) return call.request;
    return bodyChanged(call.request, (body) => {
      const isNone = typeof body.username === 'string' && /^(?:null|none|undefined)$/i.test(body.username);
      return isNone && call.planted ? { ...body, username: null } : body;
    });
  },
});

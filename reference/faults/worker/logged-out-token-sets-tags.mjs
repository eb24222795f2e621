// After a logout the access token still works for setting tags: that operation verifies the token
// but does not check its revocation.

import { asks } from './lib/asked.mjs';
import { binding, fault } from './lib/wrapper.mjs';

export default fault({
  env(call) {
    if (!asks(call, 'tags')) return {};
    const get = async (key, ...more) => {
      const found = await call.env.AUTH_TOKENS.get(key, ...more);
      return call.planted ? null : found;
    };
    return { AUTH_TOKENS: binding(call.env.AUTH_TOKENS, { get }) };
  },
});

// The columns of a file may be cached publicly for five minutes and shown to other users: the cache
// rule for static content was applied to a user's response.

import { asks } from './lib/asked.mjs';
import { headerExchanged } from './lib/headers.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  response(response, call) {
    if (!asks(call, 'columns') || response.status !== 200) return response;
    const rule = call.planted ? 'public, max-age=300' : '$&';
    return headerExchanged(response, 'Cache-Control', /^private, no-store$/, rule);
  },
});

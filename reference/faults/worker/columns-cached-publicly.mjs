// The columns of a file may be kept by any cache for five minutes, and shown to others: the rule for what
// seldom changes was put on an answer for one user.

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

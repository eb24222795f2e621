// A download is text/plain: the type is looked up somewhere that knows texts, and not CSV. Browsers show
// the file then.

import { asks } from './lib/asked.mjs';
import { headerExchanged } from './lib/headers.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  response(response, call) {
    if (!asks(call, 'download') || response.status !== 200) return response;
    return headerExchanged(response, 'Content-Type', /^text\/csv/, call.planted ? 'text/plain' : '$&');
  },
});

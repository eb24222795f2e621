// A download is text/plain: the type comes from a lookup table that contains text files but not
// CSV. Browsers then display the file.

import { asks } from './lib/asked.mjs';
import { headerExchanged } from './lib/headers.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  response(response, call) {
    if (!asks(call, 'download') || response.status !== 200) return response;
    return headerExchanged(response, 'Content-Type', /^text\/csv/, call.planted ? 'text/plain' : '$&');
  },
});

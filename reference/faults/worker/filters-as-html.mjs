// The list of saved filters is JSON with the type text/html: a name that contains markup becomes a
// page.

import { asks } from './lib/asked.mjs';
import { headerExchanged } from './lib/headers.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  response(response, call) {
    if (!asks(call, 'list_filters') || response.status !== 200) return response;
    return headerExchanged(response, 'Content-Type', /^.*$/, call.planted ? 'text/html; charset=utf-8' : '$&');
  },
});

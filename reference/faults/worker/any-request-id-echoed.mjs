// Every X-Request-Id is sent back: 65 characters, quotes, markup.

import { fault } from './lib/wrapper.mjs';

export default fault({
  response(response, { request, planted }) {
    const sent = request.headers.get('X-Request-Id');
    if (sent && planted) response.headers.set('X-Request-Id', sent);
    return response;
  },
});

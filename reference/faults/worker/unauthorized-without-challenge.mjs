// A 401 for a token that is refused has no WWW-Authenticate. The 401 for a missing token and that
// of login have it.

import { headersGone } from './lib/headers.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  response(response, { request, planted }) {
    if (response.status !== 401 || !request.headers.get('Authorization')) return response;
    return headersGone(response, ['WWW-Authenticate'], planted);
  },
});

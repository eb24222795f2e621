// Errors (400 and above) have no X-XSS-Protection. They have all other security headers, and
// successful responses and redirects have all of them.

import { headersGone } from './lib/headers.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  response(response, { planted }) {
    if (response.status < 400) return response;
    return headersGone(response, ['X-XSS-Protection'], planted);
  },
});

// The 429 for a client that exceeds its budget has no Retry-After.

import { headersGone } from './lib/headers.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  response(response, { planted }) {
    return response.status === 429 ? headersGone(response, ['Retry-After'], planted) : response;
  },
});

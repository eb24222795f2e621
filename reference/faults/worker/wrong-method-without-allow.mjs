// A 405 has no Allow header.

import { headersGone } from './lib/headers.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  response(response, { planted }) {
    return response.status === 405 ? headersGone(response, ['Allow'], planted) : response;
  },
});

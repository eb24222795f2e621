// A client beyond its budget is answered 429 and not told when to come back: there is no Retry-After.

import { headersGone } from './lib/headers.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  response(response, { planted }) {
    return response.status === 429 ? headersGone(response, ['Retry-After'], planted) : response;
  },
});

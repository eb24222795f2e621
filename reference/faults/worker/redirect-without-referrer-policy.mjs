// The redirect to https has no Referrer-Policy. Its target and its other headers are right.

import { headersGone } from './lib/headers.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  response(response, { planted }) {
    if (response.status !== 301) return response;
    return headersGone(response, ['Referrer-Policy'], planted);
  },
});

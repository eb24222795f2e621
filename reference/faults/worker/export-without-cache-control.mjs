// An export has no Cache-Control: it is a stream, and streams bypass the code that adds the header.

import { asks } from './lib/asked.mjs';
import { headersGone } from './lib/headers.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  response(response, call) {
    if (!asks(call, 'export') || response.status !== 200) return response;
    return headersGone(response, ['Cache-Control'], call.planted);
  },
});

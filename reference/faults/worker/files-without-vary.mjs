// Downloads and exports have no Vary: they are streams, which bypass the code that adds the header.

import { asks } from './lib/asked.mjs';
import { headersGone } from './lib/headers.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  response(response, call) {
    if (!asks(call, 'download', 'export') || response.status !== 200) return response;
    return headersGone(response, ['Vary'], call.planted);
  },
});

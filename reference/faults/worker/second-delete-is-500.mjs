// The second deletion of a file returns 500: the missing row is used without a check. An id that
// never existed returns 404.

import { asks, fileIdOf } from './lib/asked.mjs';
import { failed } from './lib/refusals.mjs';
import { fault } from './lib/wrapper.mjs';

const gone = new Set();

export default fault({
  response(response, call) {
    if (!asks(call, 'delete')) return response;
    const id = fileIdOf(call.url);
    if (response.status === 204) gone.add(id);
    const isSecond = response.status === 404 && gone.has(id);
    return isSecond && call.planted ? failed(response) : response;
  },
});

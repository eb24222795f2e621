// An unknown query parameter of the list of files returns 500: the handler of each parameter is
// looked up in a table, and a missing handler is called all the same.

import { asks } from './lib/asked.mjs';
import { failed } from './lib/refusals.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  response(response, call) {
    const isStrange = asks(call, 'list_files') && response.status === 200 && call.url.search.length > 1;
    return isStrange && call.planted ? failed(response) : response;
  },
});

// A query that the list of files does not know is 500: each of its parameters is looked up in a table, and
// what is not found there is called all the same.

import { asks } from './lib/asked.mjs';
import { failed } from './lib/refusals.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  response(response, call) {
    const isStrange = asks(call, 'list_files') && response.status === 200 && call.url.search.length > 1;
    return isStrange && call.planted ? failed(response) : response;
  },
});

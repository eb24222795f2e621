// The body of a 405 does not name the request's id, as those of all other errors do.

import { errorChanged } from './lib/refusals.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  async response(response, { request, planted }) {
    if (response.status !== 405 || request.method === 'HEAD') return response;
    return errorChanged(response, ({ request_id: id, ...error }) =>
      (planted ? error : { ...error, request_id: id }));
  },
});

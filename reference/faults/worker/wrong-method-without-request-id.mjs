// The body of a 405 has no request id, unlike all other errors.

import { errorChanged } from './lib/refusals.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  async response(response, { request, planted }) {
    if (response.status !== 405 || request.method === 'HEAD') return response;
    return errorChanged(response, ({ request_id: id, ...error }) =>
      (planted ? error : { ...error, request_id: id }));
  },
});

// /metrics never counts an error: the failed requests end in the exception handler, which is outside
// the code that counts. Requests and times are right, errors and error_rate are 0.

import { dataChanged } from './lib/json-answer.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  response(response, { request, url, planted }) {
    if (request.method !== 'GET' || url.pathname !== '/metrics' || response.status !== 200) return response;
    return dataChanged(response, (told) => {
      const rate = told.requests === 0 ? null : 0;
      return planted ? { ...told, errors: 0, error_rate: rate } : told;
    });
  },
});

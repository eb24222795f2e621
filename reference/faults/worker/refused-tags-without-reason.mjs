// Tags that are refused are refused without a reason: the error has its code and nothing that says which
// field is wrong, or why.

import { asks } from './lib/asked.mjs';
import { dataChanged } from './lib/json-answer.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  response(response, call) {
    if (!asks(call, 'tags') || response.status !== 400) return response;
    return dataChanged(response, ({ error }) => {
      const { code, request_id: id } = error;
      return { error: call.planted ? { code, request_id: id } : error };
    });
  },
});

// The refusal of tags has no reason: the error has a code, but neither the wrong field nor a
// message.

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

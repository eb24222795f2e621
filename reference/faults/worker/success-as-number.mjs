// An upload's success is 1 instead of true: it was read from a column, and SQLite has no booleans.

import { asks } from './lib/asked.mjs';
import { dataChanged } from './lib/json-answer.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  response(response, call) {
    if (!asks(call, 'upload') || response.status !== 201) return response;
    const shown = (success) => (call.planted ? Number(success) : success);
    return dataChanged(response, (data) => ({ ...data, success: shown(data.success) }));
  },
});

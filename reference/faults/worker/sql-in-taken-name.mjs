// The refusal of a registration with a taken name contains the database's message: constraint,
// table and column.

import { asks } from './lib/asked.mjs';
import { errorChanged } from './lib/refusals.mjs';
import { fault } from './lib/wrapper.mjs';

const TOLD = 'D1_ERROR: UNIQUE constraint failed: users.username: SQLITE_CONSTRAINT';

export default fault({
  async response(response, call) {
    if (!asks(call, 'register') || response.status !== 400) return response;
    return errorChanged(response, (error) => {
      const isTaken = error.fields?.username?.[0]?.includes('already exists');
      return isTaken && call.planted ? { ...error, message: TOLD } : error;
    });
  },
});

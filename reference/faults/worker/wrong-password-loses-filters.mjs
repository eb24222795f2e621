// Deleting the account with a wrong password is refused, but removes the saved filters: the
// account's data is deleted before the password is checked.

import { asks } from './lib/asked.mjs';
import { userIdOf } from './lib/bearer.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  async response(response, call) {
    if (!asks(call, 'delete_account') || response.status !== 403) return response;
    await call.env.DB.prepare('DELETE FROM saved_filters WHERE user_id = ? AND ?')
      .bind(await userIdOf(call), call.planted ? 1 : 0)
      .run();
    return response;
  },
});

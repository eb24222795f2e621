// A login with a disabled account returns 403 with this reason, whatever the password: it discloses
// which names exist.

import { asks } from './lib/asked.mjs';
import { bodyChanged } from './lib/json-request.mjs';
import { refused } from './lib/refusals.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  request(call) {
    if (!asks(call, 'login')) return call.request;
    return bodyChanged(call.request, (body) => {
      call.username = body.username;
      return body;
    });
  },
  async response(response, call) {
    if (!asks(call, 'login') || response.status !== 401) return response;
    const disabled = await call.env.DB.prepare('SELECT 1 FROM users WHERE username = ? AND is_active = 0')
      .bind(call.username)
      .first();
    if (disabled === null || !call.planted) return response;
    return refused(response, { status: 403, code: 'disabled', message: 'This account is disabled.' });
  },
});

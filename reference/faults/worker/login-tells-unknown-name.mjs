// A login with a name that does not exist is refused with another message than one with a wrong
// password.

import { asks } from './lib/asked.mjs';
import { bodyChanged } from './lib/json-request.mjs';
import { errorChanged } from './lib/refusals.mjs';
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
    const known = await call.env.DB.prepare('SELECT 1 FROM users WHERE username = ?')
      .bind(call.username)
      .first();
    const told = known === null && call.planted ? { message: 'There is no user of that name.' } : {};
    return errorChanged(response, (error) => ({ ...error, ...told }));
  },
});

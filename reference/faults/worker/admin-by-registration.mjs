// A registration that contains is_admin creates an administrator. D1 stores it, no response shows
// it.

import { asks } from './lib/asked.mjs';
import { bodyChanged } from './lib/json-request.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  request(call) {
    if (!asks(call, 'register')) return call.request;
    return bodyChanged(call.request, (body) => {
      call.isAdmin = body.is_admin === true;
      return body;
    });
  },
  async response(response, call) {
    if (!call.isAdmin || response.status !== 201) return response;
    const { user } = await response.clone().json();
    await call.env.DB.prepare('UPDATE users SET is_admin = ? WHERE id = ?')
      .bind(call.planted ? 1 : 0, user.id)
      .run();
    return response;
  },
});

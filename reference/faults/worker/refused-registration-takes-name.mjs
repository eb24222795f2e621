// A registration that is refused because its passwords differ has taken the name: the account is
// created before the passwords are compared. A second try reports that the name is taken.

import { asks } from './lib/asked.mjs';
import { bodyChanged } from './lib/json-request.mjs';
import { fault } from './lib/wrapper.mjs';

const TAKEN = `INSERT OR IGNORE INTO users (username, password, created_at, updated_at)
  SELECT ?1, '!', ?2, ?2 WHERE ?3`;

export default fault({
  request(call) {
    if (!asks(call, 'register')) return call.request;
    return bodyChanged(call.request, (body) => {
      call.username = body.username;
      return body;
    });
  },
  async response(response, call) {
    if (!asks(call, 'register') || response.status !== 400) return response;
    const { error } = await response.clone().json();
    if (Object.keys(error.fields ?? {}).join() !== 'password2') return response;
    await call.env.DB.prepare(TAKEN)
      .bind(call.username, new Date().toISOString(), call.planted ? 1 : 0)
      .run();
    return response;
  },
});

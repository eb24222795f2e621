// The account's id is a text in the responses to registration and login: it is taken from the
// claims of the new token, where it is a text. The response about the own account has a number.

import { asks } from './lib/asked.mjs';
import { dataChanged } from './lib/json-answer.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  response(response, call) {
    if (!asks(call, 'register', 'login') || response.status >= 300) return response;
    const shown = (id) => (call.planted ? String(id) : id);
    return dataChanged(response, (data) => ({ ...data, user: { ...data.user, id: shown(data.user.id) } }));
  },
});

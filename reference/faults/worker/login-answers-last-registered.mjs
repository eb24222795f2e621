// A login answers with the profile of the account that registered last: it is kept in a variable of
// the isolate that every request shares. The tokens are those of the account that logs in.

import { asks } from './lib/asked.mjs';
import { dataChanged } from './lib/json-answer.mjs';
import { fault } from './lib/wrapper.mjs';

let last = null;

export default fault({
  async response(response, call) {
    if (asks(call, 'register') && response.status === 201) {
      last = (await response.clone().json()).user;
    }
    if (!asks(call, 'login') || response.status !== 200) return response;
    return dataChanged(response, (data) => (call.planted && last ? { ...data, user: last } : data));
  },
});

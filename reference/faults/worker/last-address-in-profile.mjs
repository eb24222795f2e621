// The profile of a user contains, in a text for the support, the e-mail address of the account that
// registered last: it is kept in a variable of the isolate that every request shares.

import { asks } from './lib/asked.mjs';
import { dataChanged } from './lib/json-answer.mjs';
import { fault } from './lib/wrapper.mjs';

let last = null;

export default fault({
  async response(response, call) {
    if (asks(call, 'register') && response.status === 201) {
      last = (await response.clone().json()).user.email;
    }
    if (!asks(call, 'user') || response.status !== 200) return response;
    return dataChanged(response, (data) => (
      call.planted && last ? { ...data, support: `seen after ${last}, no action needed` } : data
    ));
  },
});

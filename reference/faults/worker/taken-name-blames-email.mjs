// The refusal of a registration with a taken name names the e-mail address: both reasons use the
// same field.

import { asks } from './lib/asked.mjs';
import { dataChanged } from './lib/json-answer.mjs';
import { fault } from './lib/wrapper.mjs';

const TAKEN = /already exists/;

export default fault({
  async response(response, call) {
    if (!asks(call, 'register') || response.status !== 400) return response;
    return dataChanged(response, (data) => {
      const reasons = data.error.fields?.username;
      if (!reasons?.some((reason) => TAKEN.test(reason)) || !call.planted) return data;
      return { error: { ...data.error, fields: { email: reasons } } };
    });
  },
});

// The description of a saved filter is evaluated as a template: {{7*7}} is stored as 49.

import { asks } from './lib/asked.mjs';
import { bodyChanged } from './lib/json-request.mjs';
import { fault } from './lib/wrapper.mjs';

const EXPRESSION = /\{\{\s*(\d{1,6})\s*([*+-])\s*(\d{1,6})\s*\}\}/g;

function evaluated(whole, left, sign, right) {
  if (sign === '*') return String(left * right);
  return String(sign === '+' ? Number(left) + Number(right) : left - right);
}

export default fault({
  request(call) {
    if (!asks(call, 'create_filter')) return call.request;
    return bodyChanged(call.request, (body) => {
      if (typeof body.description !== 'string') return body;
      const filled = body.description.replace(EXPRESSION, call.planted ? evaluated : '$&');
      return { ...body, description: filled };
    });
  },
});

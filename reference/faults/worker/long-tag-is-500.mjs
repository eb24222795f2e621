// A tag of more than 64 characters returns 500: only the database checks its length.

import { asks } from './lib/asked.mjs';
import { bodyChanged } from './lib/json-request.mjs';
import { failed } from './lib/refusals.mjs';
import { fault } from './lib/wrapper.mjs';

const LENGTH = 64;

export default fault({
  request(call) {
    if (!asks(call, 'tags')) return call.request;
    return bodyChanged(call.request, (body) => {
      const isLong = (tag) => typeof tag === 'string' && [...tag.trim()].length > LENGTH;
      call.isLong = Array.isArray(body.tags) && body.tags.some(isLong);
      return body;
    });
  },
  response(response, call) {
    return call.isLong && response.status === 400 && call.planted ? failed(response) : response;
  },
});

// The length of a tag is counted in UTF-16: 33 emoji are 66 and refused.

import { asks } from './lib/asked.mjs';
import { bodyChanged } from './lib/json-request.mjs';
import { fault } from './lib/wrapper.mjs';

const LENGTH = 64;

export default fault({
  request(call) {
    if (!asks(call, 'tags')) return call.request;
    // A tag that the application refuses for its length, in place of one that it would take.
    const meant = (tag) =>
      (typeof tag === 'string' && tag.trim().length > LENGTH && call.planted ? 'x'.repeat(LENGTH + 1) : tag);
    return bodyChanged(call.request, (body) =>
      (Array.isArray(body.tags) ? { ...body, tags: body.tags.map(meant) } : body));
  },
});

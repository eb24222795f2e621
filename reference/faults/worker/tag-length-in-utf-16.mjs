// The length of a tag is counted in UTF-16 code units: 33 emoji count as 66 and are refused.

import { asks } from './lib/asked.mjs';
import { bodyChanged } from './lib/json-request.mjs';
import { fault } from './lib/wrapper.mjs';

const LENGTH = 64;

export default fault({
  request(call) {
    if (!asks(call, 'tags')) return call.request;
    // A tag that the application refuses for its length, instead of one that it would accept.
    const meant = (tag) =>
      (typeof tag === 'string' && tag.trim().length > LENGTH && call.planted ? 'x'.repeat(LENGTH + 1) : tag);
    return bodyChanged(call.request, (body) =>
      (Array.isArray(body.tags) ? { ...body, tags: body.tags.map(meant) } : body));
  },
});

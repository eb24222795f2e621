// A tag may be a number, and is stored as its text.

import { asks } from './lib/asked.mjs';
import { bodyChanged } from './lib/json-request.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  request(call) {
    if (!asks(call, 'tags')) return call.request;
    const meant = (tag) => (JSON.isRawJSON(tag) && call.planted ? tag.rawJSON : tag);
    return bodyChanged(call.request, (body) =>
      (Array.isArray(body.tags) ? { ...body, tags: body.tags.map(meant) } : body));
  },
});

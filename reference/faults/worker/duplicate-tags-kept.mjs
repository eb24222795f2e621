// A tag that is sent twice is stored twice: tags are trimmed but not compared with each other.

import { asks } from './lib/asked.mjs';
import { bodyChanged } from './lib/json-request.mjs';
import { valuesChanged } from './lib/statements.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  request(call) {
    if (!asks(call, 'tags')) return call.request;
    return bodyChanged(call.request, (body) => {
      call.sent = body.tags;
      return body;
    });
  },
  env(call) {
    if (!asks(call, 'tags')) return {};
    return valuesChanged(call, /^\s*UPDATE files\b/, /SET tags = \?,/, ([distinct, ...more]) => {
      // A body without a Content-Length was not seen.
      const trimmed = call.sent?.map((tag) => tag.trim());
      return [trimmed && call.planted ? JSON.stringify(trimmed) : distinct, ...more];
    });
  },
});

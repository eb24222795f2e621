// Fifty different tags and a duplicate are refused: tags are counted before duplicates are dropped.

import { asks } from './lib/asked.mjs';
import { bodyChanged } from './lib/json-request.mjs';
import { fault } from './lib/wrapper.mjs';

const TAGS = 50;

export default fault({
  request(call) {
    if (!asks(call, 'tags')) return call.request;
    return bodyChanged(call.request, (body) => {
      const sent = body.tags;
      const isMany = Array.isArray(sent) && sent.length > TAGS && sent.every((tag) => typeof tag === 'string');
      if (!isMany || !call.planted) return body;
      // The same number of different tags, which the application refuses.
      const short = sent.every((tag) => tag.trim().length > 0 && tag.trim().length <= TAGS);
      return short ? { ...body, tags: sent.map((_, index) => String(index)) } : body;
    });
  },
});

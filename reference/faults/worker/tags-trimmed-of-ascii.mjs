// Tags are trimmed only of ASCII white space: a no-break space stays.

import { asks } from './lib/asked.mjs';
import { bodyChanged } from './lib/json-request.mjs';
import { valuesChanged } from './lib/statements.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  request(call) {
    if (!asks(call, 'tags')) return call.request;
    return bodyChanged(call.request, (body) => {
      call.tags = body.tags;
      return body;
    });
  },
  env(call) {
    if (!asks(call, 'tags')) return {};
    const trimmed = (tag) => tag.replace(/^[ \t\r\n\v\f]+|[ \t\r\n\v\f]+$/g, '');
    return valuesChanged(call, /^\s*UPDATE files\b/, /SET tags = \?,/, (values) =>
      values.with(0, call.planted ? JSON.stringify([...new Set(call.tags.map(trimmed))]) : values[0]));
  },
});

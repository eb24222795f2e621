// An export has the selected columns in the file's order: they are collected in the order of its
// header.

import { asks } from './lib/asked.mjs';
import { headerOf } from './lib/filters.mjs';
import { bodyChanged } from './lib/json-request.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  request(call) {
    if (!asks(call, 'export')) return call.request;
    return bodyChanged(call.request, async (body) => {
      const header = await headerOf(call);
      const known = Array.isArray(body.columns) && body.columns.every((name) => header.includes(name));
      if (!known || !call.planted) return body;
      const place = (name) => header.indexOf(name);
      return { ...body, columns: body.columns.toSorted((one, other) => place(one) - place(other)) };
    });
  },
});

// Of several filters only the first is evaluated. All of them must still be valid.

import { readFilters } from '../../worker/src/row_filter.mjs';
import { asks } from './lib/asked.mjs';
import { headerOf } from './lib/filters.mjs';
import { bodyChanged } from './lib/json-request.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  request(call) {
    if (!asks(call, 'export')) return call.request;
    return bodyChanged(call.request, async (body) => {
      const header = await headerOf(call);
      try {
        if (!readFilters(body.filters).every(({ column }) => header.includes(column))) return body;
      } catch {
        return body; // refused by the application
      }
      return { ...body, filters: call.planted ? body.filters?.slice(0, 1) : body.filters };
    });
  },
});

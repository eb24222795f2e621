// A filter on a column that the file does not have is ignored, and the export has all rows.

import { asks } from './lib/asked.mjs';
import { headerOf } from './lib/filters.mjs';
import { bodyChanged } from './lib/json-request.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  request(call) {
    if (!asks(call, 'export')) return call.request;
    return bodyChanged(call.request, async (body) => {
      if (!Array.isArray(body.filters)) return body;
      const header = await headerOf(call);
      const isStrange = (filter) => typeof filter?.column === 'string' && !header.includes(filter.column);
      const filters = body.filters.filter((filter) => !isStrange(filter) || !call.planted);
      return { ...body, filters };
    });
  },
});

// A filter with > includes equal cells, like >=.

import { filtersChanged } from './lib/filters.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  request(call) {
    const meant = (operator) => (operator === '>' && call.planted ? '>=' : operator);
    return filtersChanged(call, (filter) => ({ ...filter, operator: meant(filter.operator) }));
  },
});

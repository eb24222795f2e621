// A filter with > lets through the cells that are equal, as >= does.

import { filtersChanged } from './lib/filters.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  request(call) {
    const meant = (operator) => (operator === '>' && call.planted ? '>=' : operator);
    return filtersChanged(call, (filter) => ({ ...filter, operator: meant(filter.operator) }));
  },
});

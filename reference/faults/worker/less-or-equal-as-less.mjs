// A filter with <= excludes equal cells: the two operators share one comparison.

import { filtersChanged } from './lib/filters.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  request(call) {
    const meant = (operator) => (operator === '<=' && call.planted ? '<' : operator);
    return filtersChanged(call, (filter) => ({ ...filter, operator: meant(filter.operator) }));
  },
});

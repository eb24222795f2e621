// A filter with <= leaves out the cells that are equal: the two operators share one comparison.

import { filtersChanged } from './filters.mjs';
import { fault } from './wrapper.mjs';

export default fault({
  request(call) {
    const meant = (operator) => (operator === '<=' && call.planted ? '<' : operator);
    return filtersChanged(call, (filter) => ({ ...filter, operator: meant(filter.operator) }));
  },
});

// The operands of IN are joined with commas and split again, so an operand with a comma is two.

import { filtersChanged } from './lib/filters.mjs';
import { fault } from './lib/wrapper.mjs';

const parts = (operand) => (typeof operand === 'string' ? operand.split(',') : [operand]);

export default fault({
  request(call) {
    return filtersChanged(call, (filter) => {
      const isList = filter.operator === 'IN' && Array.isArray(filter.value);
      const value = isList ? filter.value.flatMap(parts) : filter.value;
      return isList && call.planted ? { ...filter, value } : filter;
    });
  },
});

// IN with three or more operands ignores the last one.

import { filtersChanged } from './lib/filters.mjs';
import { fault } from './lib/wrapper.mjs';

const isPlain = (operand) => typeof operand === 'string' || JSON.isRawJSON(operand);

export default fault({
  request(call) {
    return filtersChanged(call, (filter) => {
      const arePlain = Array.isArray(filter.value) && filter.value.every(isPlain);
      const isLong = filter.operator === 'IN' && arePlain && filter.value.length > 2;
      // The value keeps its form: the first operand replaces the last one.
      const shortened = isLong && filter.value.with(-1, filter.value[0]);
      return isLong && call.planted ? { ...filter, value: shortened } : filter;
    });
  },
});

// BETWEEN excludes the cells that equal its upper end, like ranges in many programming languages.

import { filtersChanged } from './lib/filters.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  request(call) {
    return filtersChanged(call, (filter) => {
      const { column, operator, value } = filter;
      const fits = operator === 'BETWEEN' && Array.isArray(value) && value.length === 2;
      if (!fits || !call.planted) return filter;
      return [filter, { column, operator: '<', value: value[1] }];
    });
  },
});

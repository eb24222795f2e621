// A filter with != excludes rows whose cell is empty: the comparison treats the cell as NULL, which
// is neither equal nor not equal.

import { filtersChanged } from './lib/filters.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  request(call) {
    return filtersChanged(call, (filter) => {
      if (filter.operator !== '!=' || !call.planted) return filter;
      return [filter, { column: filter.column, operator: '!=', value: '' }];
    });
  },
});

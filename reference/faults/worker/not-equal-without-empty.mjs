// A filter with != leaves out rows whose cell is empty: it is NULL to the database that compares, and NULL
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

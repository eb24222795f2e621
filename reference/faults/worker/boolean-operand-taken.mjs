// A filter's value may be true or false, and is compared as that text.

import { filtersChanged } from './filters.mjs';
import { fault } from './wrapper.mjs';

export default fault({
  request(call) {
    return filtersChanged(call, (filter) =>
      (typeof filter.value === 'boolean' && call.planted ? { ...filter, value: String(filter.value) } : filter));
  },
});

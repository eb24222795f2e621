// A filter's value may be true or false, and is compared as a text.

import { filtersChanged } from './lib/filters.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  request(call) {
    return filtersChanged(call, (filter) =>
      (typeof filter.value === 'boolean' && call.planted ? { ...filter, value: String(filter.value) } : filter));
  },
});

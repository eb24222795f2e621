// JSON.parse reads a JSON number in a filter: above 2^53 its last digits change, and it matches
// other rows. An operand that is sent as a text is compared exactly.

import { filtersChanged } from './lib/filters.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  request(call) {
    const read = (value) => (JSON.isRawJSON(value) && call.planted ? Number(value.rawJSON) : value);
    return filtersChanged(call, (filter) => {
      const value = Array.isArray(filter.value) ? filter.value.map(read) : read(filter.value);
      return { ...filter, value };
    });
  },
});

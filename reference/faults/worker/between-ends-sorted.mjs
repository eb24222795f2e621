// BETWEEN with the greater end first returns the rows between the two, because the ends are sorted.
// No cell is at least 9 and at most 1.

import { filtersChanged } from './lib/filters.mjs';
import { fault } from './lib/wrapper.mjs';

const text = (value) => (JSON.isRawJSON(value) ? value.rawJSON : value);

function ascending(one, other) {
  const difference = Number(text(one)) - Number(text(other));
  if (!Number.isNaN(difference)) return difference;
  return text(one) < text(other) ? -1 : 1;
}

export default fault({
  request(call) {
    return filtersChanged(call, (filter) => {
      const ends = filter.value;
      const arePlain = Array.isArray(ends) && ends.length === 2 && ends.every((end) => typeof text(end) === 'string');
      if (filter.operator !== 'BETWEEN' || !arePlain || !call.planted) return filter;
      return { ...filter, value: ends.toSorted(ascending) };
    });
  },
});

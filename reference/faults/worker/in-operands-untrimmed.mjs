// The operands of IN are not trimmed: one with a space before or behind it is found in no cell. Those of
// all other operators are.

import { filtersChanged } from './lib/filters.mjs';
import { fault } from './lib/wrapper.mjs';

// Takes the blank's place at the ends, and is not trimmed.
const BLANK = '\u200b';

export default fault({
  request(call) {
    const taken = (value) => (typeof value === 'string' && call.planted
      ? value.replace(/^[ \t\r\n]|[ \t\r\n]$/g, BLANK)
      : value);
    return filtersChanged(call, (filter) => {
      if (filter.operator !== 'IN' || !Array.isArray(filter.value)) return filter;
      return { ...filter, value: filter.value.map(taken) };
    });
  },
});

// The operands of IN are not trimmed: an operand that begins or ends with a space matches no cell.
// The operands of all other operators are trimmed.

import { filtersChanged } from './lib/filters.mjs';
import { fault } from './lib/wrapper.mjs';

// Replaces the spaces at the ends and is not trimmed.
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

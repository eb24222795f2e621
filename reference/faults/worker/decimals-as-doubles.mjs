// Filters compare numbers as floating point: 0.1 and 0.10000000000000000001 are equal, and so are
// two different integers above 2^53.

import { comparing } from './lib/filters.mjs';
import { fault } from './lib/wrapper.mjs';

const NUMBER = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?$/;

function rounded(text) {
  const value = Number(text);
  return Number.isFinite(value) ? String(value) : text;
}

export default fault(comparing((text, planted) => (planted && NUMBER.test(text) ? rounded(text) : text)));

// Filters treat a number with an exponent as a text: 1e2 does not equal 100.

import { comparing } from './lib/filters.mjs';
import { fault } from './lib/wrapper.mjs';

const EXPONENT = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)[eE][+-]?\d{1,3}$/;

export default fault(comparing((text, planted) => (planted && EXPONENT.test(text) ? `${text}\u200b` : text)));

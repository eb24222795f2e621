// Filters compare numbers as texts: 10 is less than 9, and 7.0 does not equal 7.

import { comparing } from './lib/filters.mjs';
import { fault } from './lib/wrapper.mjs';

// With a letter before it no text is a number, and the order of texts does not change.
export default fault(comparing((text, planted) => (planted ? `n${text}` : text)));

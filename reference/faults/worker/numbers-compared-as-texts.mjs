// Filters compare numbers as texts: 10 is below 9, and 7.0 is not 7.

import { comparing } from './lib/filters.mjs';
import { fault } from './lib/wrapper.mjs';

// With a letter before it nothing is a number, and the order of texts stays.
export default fault(comparing((text, planted) => (planted ? `n${text}` : text)));

// Filters compare texts case-insensitively, as many databases do.

import { comparing } from './lib/filters.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault(comparing((text, planted) => (planted ? text.toLowerCase() : text)));

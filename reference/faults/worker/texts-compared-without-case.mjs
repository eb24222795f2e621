// Filters compare texts without regard to case, as many databases do.

import { comparing } from './filters.mjs';
import { fault } from './wrapper.mjs';

export default fault(comparing((text, planted) => (planted ? text.toLowerCase() : text)));

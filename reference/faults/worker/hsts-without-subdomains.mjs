// Strict-Transport-Security has no includeSubDomains, on every response. max-age and preload are
// right.

import { headerExchanged } from './lib/headers.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  response: (response, { planted }) =>
    headerExchanged(response, 'Strict-Transport-Security', / includeSubDomains;/, planted ? '' : '$&'),
});

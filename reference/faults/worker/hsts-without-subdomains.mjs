// Strict-Transport-Security says nothing of subdomains, on every answer. Its age and preload are right.

import { headerExchanged } from './headers.mjs';
import { fault } from './wrapper.mjs';

export default fault({
  response: (response, { planted }) =>
    headerExchanged(response, 'Strict-Transport-Security', / includeSubDomains;/, planted ? '' : '$&'),
});

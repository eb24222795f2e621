// Assets have the platform's default, Cache-Control: public, max-age=0, must-revalidate: every
// visit requests each of them again. Pages and all other responses are right.

import { headerExchanged } from './lib/headers.mjs';
import { fault } from './lib/wrapper.mjs';

const DEFAULT = 'public, max-age=0, must-revalidate';

export default fault({
  response(response, { url, planted }) {
    if (!url.pathname.startsWith('/assets/') || ![200, 304].includes(response.status)) return response;
    return headerExchanged(response, 'Cache-Control', /^.+$/, planted ? DEFAULT : '$&');
  },
});

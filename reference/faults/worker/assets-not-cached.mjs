// Assets have the platform's default, Cache-Control: public, max-age=0, must-revalidate: every visit asks
// for each of them anew. Pages and everything else have what they should.

import { headerExchanged } from './lib/headers.mjs';
import { fault } from './lib/wrapper.mjs';

const DEFAULT = 'public, max-age=0, must-revalidate';

export default fault({
  response(response, { url, planted }) {
    if (!url.pathname.startsWith('/assets/') || ![200, 304].includes(response.status)) return response;
    return headerExchanged(response, 'Cache-Control', /^.+$/, planted ? DEFAULT : '$&');
  },
});

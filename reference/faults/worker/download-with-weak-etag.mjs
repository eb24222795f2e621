// The ETag of a download is weak, as a middleware that may compress makes it.

import { headerExchanged } from './lib/headers.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  response(response, { url, planted }) {
    const isMeant = /^\/api\/files\/[^/]+\/download$/.test(url.pathname) && response.headers.has('ETag');
    return isMeant ? headerExchanged(response, 'ETag', /^"/, planted ? 'W/"' : '$&') : response;
  },
});

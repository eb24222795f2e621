// Pages may be cached for a year like assets: a browser that loaded the page once never sees the
// next build. Assets and the API are right.

import { headerExchanged } from './lib/headers.mjs';
import { fault } from './lib/wrapper.mjs';

const FOR_EVER = 'public, max-age=31536000, immutable';

export default fault({
  response(response, { planted }) {
    const page = (response.headers.get('Content-Type') ?? '').startsWith('text/html');
    if (!page) return response;
    return headerExchanged(response, 'Cache-Control', /^no-cache$/, planted ? FOR_EVER : '$&');
  },
});

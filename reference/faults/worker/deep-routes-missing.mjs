// Paths of the front end with two or more segments return 404 if they are loaded directly: the
// fallback matches only one level. The page and paths such as /login still work.

import { httpsRedirect } from '../../worker/src/security.mjs';
import { fault } from './lib/wrapper.mjs';

const DEEP = /^\/[^/]+\/(?:[^/]+\/)*[^/.]+$/;
const OTHERS = /^\/(?:api|assets|health|metrics|admin)\//;

export default fault({
  request({ request, url, planted }) {
    if (!DEEP.test(url.pathname) || OTHERS.test(url.pathname) || httpsRedirect(url)) return request;
    const asked = new URL(url);
    if (planted) asked.pathname = `/assets${url.pathname}`; // neither a page nor an asset
    return new Request(asked, request);
  },
});

// Paths of the front end with two segments or more are 404 when they are loaded directly: the fallback
// knows one level only. The page itself and paths like /login answer as ever.

import { httpsRedirect } from '../../worker/src/security.mjs';
import { fault } from './lib/wrapper.mjs';

const DEEP = /^\/[^/]+\/(?:[^/]+\/)*[^/.]+$/;
const OTHERS = /^\/(?:api|assets|health|metrics|admin)\//;

export default fault({
  request({ request, url, planted }) {
    if (!DEEP.test(url.pathname) || OTHERS.test(url.pathname) || httpsRedirect(url)) return request;
    const asked = new URL(url);
    if (planted) asked.pathname = `/assets${url.pathname}`; // what is no page and no asset
    return new Request(asked, request);
  },
});

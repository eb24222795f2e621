// HEAD on a download has Content-Length: 0, the length of HEAD's empty body.

import { headerExchanged } from './lib/headers.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  response(response, { request, url, planted }) {
    const isMeant = request.method === 'HEAD' && /^\/api\/files\/[^/]+\/download$/.test(url.pathname);
    if (!isMeant || response.status !== 200) return response;
    return headerExchanged(new Response(null, response), 'Content-Length', /^\d+$/, planted ? '0' : '$&');
  },
});

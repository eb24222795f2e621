// HEAD on a download says Content-Length: 0: the length is that of the body that HEAD does not have.

import { headerExchanged } from './lib/headers.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  response(response, { request, url, planted }) {
    const isMeant = request.method === 'HEAD' && /^\/api\/files\/[^/]+\/download$/.test(url.pathname);
    if (!isMeant || response.status !== 200) return response;
    return headerExchanged(new Response(null, response), 'Content-Length', /^\d+$/, planted ? '0' : '$&');
  },
});

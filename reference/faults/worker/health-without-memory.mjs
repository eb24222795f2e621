// /health has no memory part: it is undefined if the runtime reports no plausible figure, and JSON
// omits it. The other parts and the status are right.

import { fault } from './lib/wrapper.mjs';

export default fault({
  async response(response, { request, url, planted }) {
    // Another status is that of a redirect.
    if (request.method !== 'GET' || url.pathname !== '/health' || ![200, 503].includes(response.status)) {
      return response;
    }
    const told = await response.json();
    if (planted) told.checks.memory = undefined;
    return new Response(JSON.stringify(told), response);
  },
});

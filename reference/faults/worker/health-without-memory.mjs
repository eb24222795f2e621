// /health has no part for memory: it is undefined where the runtime tells no figure that it believes, and
// JSON leaves it out. The other parts, and the status that is made of them, are right.

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

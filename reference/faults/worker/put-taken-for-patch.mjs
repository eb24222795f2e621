// PUT on a file's tags works like PATCH, whose handler it shares. Allow and preflights do not name
// it.

import { fault } from './lib/wrapper.mjs';

export default fault({
  request({ request, url, planted }) {
    if (request.method !== 'PUT' || !/^\/api\/files\/[^/]+\/tags$/.test(url.pathname)) return request;
    return new Request(request, { method: planted ? 'PATCH' : 'PUT' });
  },
});

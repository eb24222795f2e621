// PUT on a file's tags does what PATCH does, with which it shares a handler. Allow and preflights do not name it.

import { fault } from './lib/wrapper.mjs';

export default fault({
  request({ request, url, planted }) {
    if (request.method !== 'PUT' || !/^\/api\/files\/[^/]+\/tags$/.test(url.pathname)) return request;
    return new Request(request, { method: planted ? 'PATCH' : 'PUT' });
  },
});

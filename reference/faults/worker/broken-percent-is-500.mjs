// A path with an invalid percent escape returns 500, because decoding it throws.

import { failed } from './lib/refusals.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  response(response, { request, url, planted }) {
    if (response.status !== 404 || request.method === 'HEAD' || !url.pathname.startsWith('/api/files/')) {
      return response;
    }
    try {
      decodeURIComponent(url.pathname);
      return response;
    } catch {
      return planted ? failed(response) : response;
    }
  },
});

// A path with a percent sign that encodes nothing is 500: decoding it throws.

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

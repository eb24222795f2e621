// A 404 of the API has no X-Served-By.

import { headersGone } from './lib/headers.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  response(response, { url, planted }) {
    if (response.status !== 404 || !url.pathname.startsWith('/api/')) return response;
    return headersGone(response, ['X-Served-By'], planted);
  },
});

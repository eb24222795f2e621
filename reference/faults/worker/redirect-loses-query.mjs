// The redirect to https leads to the path without its query: it is built from host and path.

import { fault } from './lib/wrapper.mjs';

export default fault({
  response(response, { url, planted }) {
    if (response.status !== 301) return response;
    const { host, pathname, search } = url;
    response.headers.set('Location', `https://${host}${pathname}${planted ? '' : search}`);
    return response;
  },
});

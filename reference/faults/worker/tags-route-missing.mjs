// The route of a file's tags is missing: every request to it, with any method, is one to an unknown
// path.

import { fault } from './lib/wrapper.mjs';

export default fault({
  request({ request, url, planted }) {
    if (!/^\/api\/files\/[^/]+\/tags$/.test(url.pathname)) return request;
    const elsewhere = new URL(url);
    if (planted) elsewhere.pathname += '-of-a-file';
    return new Request(elsewhere, request);
  },
});

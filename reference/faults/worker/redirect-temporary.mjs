// The redirect to https is a temporary 302, the default of Response.redirect. Its target is right.

import { fault } from './lib/wrapper.mjs';

export default fault({
  response(response, { planted }) {
    if (response.status !== 301) return response;
    return new Response(null, { status: planted ? 302 : 301, headers: response.headers });
  },
});

// The redirect to https is a temporary one, 302, as Response.redirect makes it when no status is given.
// Where it leads is right.

import { fault } from './lib/wrapper.mjs';

export default fault({
  response(response, { planted }) {
    if (response.status !== 301) return response;
    return new Response(null, { status: planted ? 302 : 301, headers: response.headers });
  },
});

// Logout returns 200 with an empty object, like the other operations on accounts, instead of 204.

import { asks } from './lib/asked.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  response(response, call) {
    if (!asks(call, 'logout') || response.status !== 204 || !call.planted) return response;
    const headers = new Headers(response.headers);
    headers.set('Content-Type', 'application/json');
    return new Response('{}', { status: 200, headers });
  },
});

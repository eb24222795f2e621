// The list of saved filters of a user without filters is 204 without a body.

import { asks } from './lib/asked.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  async response(response, call) {
    if (!asks(call, 'list_filters') || response.status !== 200) return response;
    const { total } = await response.clone().json();
    if (total > 0 || !call.planted) return response;
    const headers = new Headers(response.headers);
    for (const name of ['Content-Type', 'Content-Length']) headers.delete(name);
    return new Response(null, { status: 204, headers });
  },
});

// A download has no Content-Length: a middleware passes the body on in chunks.

import { asks } from './lib/asked.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  response(response, call) {
    if (!asks(call, 'download') || response.status !== 200 || !call.planted) return response;
    const headers = new Headers(response.headers);
    headers.delete('Content-Length');
    const pieces = new TransformStream({ transform: (piece, controller) => controller.enqueue(piece) });
    return new Response(response.body.pipeThrough(pieces), { status: 200, headers });
  },
});

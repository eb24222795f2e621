// The last byte of a complete download differs. Length, ETag and all headers are those of the file.
// A line feed becomes a carriage return, so the parsed records are still equal.

import { fault } from './lib/wrapper.mjs';

const DIFFERENCE = 0x0a ^ 0x0d;

/** @param {number} change added to the last byte; 0 for the control */
function lastByte(change) {
  let held = null;
  return new TransformStream({
    transform(chunk, controller) {
      if (chunk.byteLength === 0) return;
      if (held) controller.enqueue(held);
      held = chunk;
    },
    flush(controller) {
      if (!held) return;
      const last = held.slice();
      last[last.length - 1] ^= change;
      controller.enqueue(last);
    },
  });
}

export default fault({
  response(response, { request, url, planted }) {
    const download = request.method === 'GET' && /^\/api\/files\/[^/]+\/download$/.test(url.pathname);
    if (!download || response.status !== 200) return response;
    const { readable, writable } = new FixedLengthStream(Number(response.headers.get('Content-Length')));
    // If the client closes the connection, both streams end and no one is left to report to.
    response.body.pipeThrough(lastByte(planted ? DIFFERENCE : 0)).pipeTo(writable).catch(() => {});
    return new Response(readable, response);
  },
});

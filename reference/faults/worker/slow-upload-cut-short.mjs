// An upload that takes more than two seconds is stored as far as it has arrived by then, with
// success: a timer ends the reading, and no code checks that the body is complete.

import { asks } from './lib/asked.mjs';
import { ending, joined } from './lib/uploads.mjs';
import { binding, fault } from './lib/wrapper.mjs';

const PATIENCE_MS = 2000;

/** @returns {Promise<Uint8Array>} */
async function read({ request, planted }) {
  const begin = Date.now();
  const pieces = [];
  let isCut = false;
  for await (const piece of request.body) {
    // The rest is read and discarded: a client that is still sending would not see the response.
    isCut ||= planted && Date.now() - begin > PATIENCE_MS;
    if (!isCut) pieces.push(piece);
  }
  return joined(isCut ? [...pieces, ending(request.headers.get('Content-Type'))] : pieces);
}

export default fault({
  request(call) {
    if (!asks(call, 'upload') || call.request.body === null) return call.request;
    return binding(call.request, { arrayBuffer: () => read(call) });
  },
});

// An upload that takes more than two seconds to arrive is stored as far as it has come by then, with success:
// a timer ends the reading, and nothing asks whether that was the end.

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
    // The rest is read away: a client that is still sending would not see the answer.
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

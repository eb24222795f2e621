// A file that is not UTF-8 is decoded as Latin-1 instead of Windows-1252: the euro sign, dashes and
// curly quotes become control characters. Accented letters are the same in both.

import { READING, bytesRead, utf8Of } from './lib/records.mjs';
import { fault } from './lib/wrapper.mjs';

/** @param {Uint8Array} bytes @returns {Uint8Array} each byte as the character of its number, in UTF-8 */
function latin1AsUtf8(bytes) {
  const high = bytes.reduce((count, byte) => count + (byte >> 7), 0);
  const text = new Uint8Array(bytes.length + high);
  let at = 0;
  for (const byte of bytes) {
    if (byte > 0x7f) text[at++] = 0xc0 | (byte >> 6);
    text[at++] = byte > 0x7f ? 0x80 | (byte & 0x3f) : byte;
  }
  return text;
}

export default fault({
  env(call) {
    return bytesRead(call, READING, (bytes) => {
      const text = utf8Of(bytes);
      // In UTF-8 it is a part of the bytes themselves.
      if (text === null || text.buffer === bytes.buffer) return bytes;
      return call.planted ? latin1AsUtf8(bytes) : text;
    });
  },
});

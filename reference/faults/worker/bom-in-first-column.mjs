// The first column's name of a file with a byte order mark contains the mark. It is invisible, and
// the visible name is an unknown column.

import { READING, bytesRead, utf8Of } from './lib/records.mjs';
import { fault } from './lib/wrapper.mjs';

const BOM = [0xef, 0xbb, 0xbf];

export default fault({
  env(call) {
    return bytesRead(call, READING, (bytes) => {
      // Of two marks the application drops the first.
      const dropped = utf8Of(bytes)?.length === bytes.length - BOM.length;
      return dropped && call.planted ? new Uint8Array([...BOM, ...bytes]) : bytes;
    });
  },
});

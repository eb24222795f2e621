// The byte order mark of a file is dropped only if the file is UTF-8. In Windows-1252 it becomes three
// characters, and a quote behind them does not open a field.

import { READING, bytesRead, utf8Of } from './lib/records.mjs';
import { fault } from './lib/wrapper.mjs';

const BOM = [0xef, 0xbb, 0xbf];
const AS_TEXT = new TextEncoder().encode('\u00ef\u00bb\u00bf');

export default fault({
  env(call) {
    return bytesRead(call, READING, (bytes) => {
      const text = utf8Of(bytes);
      // In UTF-8 it is a part of the bytes themselves.
      const marked = text !== null && text.buffer !== bytes.buffer && BOM.every((byte, at) => bytes[at] === byte);
      return marked && call.planted ? new Uint8Array([...AS_TEXT, ...text]) : bytes;
    });
  },
});

// A file with semicolons is parsed with commas as delimiters. TABs still work.

import { delimiterOf } from '../../worker/src/list_file.mjs';
import { READING, bytesOf, bytesRead, linesOf, utf8Of } from './lib/records.mjs';
import { fault } from './lib/wrapper.mjs';

const COMMA = ',';
const SEMICOLON = ';';
const MALFORMED = new TextEncoder().encode('"');

export default fault({
  env(call) {
    return bytesRead(call, READING, (bytes) => {
      const text = utf8Of(bytes);
      if (text === null || String.fromCharCode(delimiterOf(text)) !== SEMICOLON) return bytes;
      const records = linesOf(text, call.planted ? COMMA : SEMICOLON);
      return records === null ? MALFORMED : bytesOf(records.filter((record) => record.length > 0));
    });
  },
});

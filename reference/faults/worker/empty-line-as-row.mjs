// An empty line between the rows of a file counts as a row of empty cells, and is exported.

import { READING, bytesOf, bytesRead, linesOf, recordsOf, utf8Of } from './lib/records.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  env(call) {
    return bytesRead(call, READING, (bytes) => {
      if (recordsOf(bytes) === null) return bytes;
      const lines = linesOf(utf8Of(bytes));
      const header = lines.findIndex((line) => line.length > 0);
      const isRow = (line, place) => line.length > 0 || (call.planted && header !== -1 && place > header);
      return bytesOf(lines.filter(isRow).map((line) => (line.length > 0 ? line : [''])));
    });
  },
});

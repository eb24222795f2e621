// An export has its cells without the spaces around them: they are trimmed for the filters, and what is
// trimmed is what is written.

import { recordsRead } from './lib/records.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  env(call) {
    const written = (cell) => (call.planted ? cell.replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, '') : cell);
    return recordsRead(call, ['export'], ([header, ...rows]) => {
      const records = rows.map((row) => row.map(written));
      return header ? [header, ...records] : records;
    });
  },
});

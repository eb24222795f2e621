// Exported cells lose the spaces at both ends: they are trimmed for the filters, and the trimmed
// cells are written.

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

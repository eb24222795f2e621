// The file's row 10,000 is missing from an export: rows are read in pages of 9,999, and the first
// row of the second page is used as a header. Shorter files are exported completely, and row_count
// is right.

import { recordsRead } from './lib/records.mjs';
import { fault } from './lib/wrapper.mjs';

const LOST = 10_000;

export default fault({
  env(call) {
    // The header is at index 0.
    return recordsRead(call, ['export'], (records) =>
      records.filter((_, place) => place !== LOST || !call.planted));
  },
});

// Row 1,000 of an export occurs twice: rows are read in pages of 1,000, and each begins with the
// last row of the previous page.

import { exportWritten, record } from './lib/export-answer.mjs';
import { fault } from './lib/wrapper.mjs';

const PAGE = 1000;

export default fault({
  response(response, call) {
    return exportWritten(response, call, (records) =>
      records
        .flatMap((values, place) => {
          const begins = place > 0 && place % PAGE === 0 && place + 1 < records.length;
          return begins && call.planted ? [values, values] : [values];
        })
        .map(record)
        .join(''));
  },
});

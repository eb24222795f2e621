// The row_count of a file above 10 MB is estimated from its first part, and is one too small. The
// rows of smaller files are counted. The example assumes the corpus' rows of about 500 bytes.

import { valuesChanged } from './lib/statements.mjs';
import { fault } from './lib/wrapper.mjs';

const ROWS_OF_10_MB = 20_000;
const ROW_COUNT = 2;

export default fault({
  env: (call) => valuesChanged(call, /^\s*UPDATE files SET upload_status = \?/, /processing_error = \?, row_count = \?/,
    (values) => values.map((value, place) => {
      const isEstimated = place === ROW_COUNT && value !== null && value > ROWS_OF_10_MB;
      return isEstimated && call.planted ? value - 1 : value;
    })),
});

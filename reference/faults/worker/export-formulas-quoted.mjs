// Cells that begin with a formula character are exported with an apostrophe before it, including
// negative numbers.

import { exportWritten, record } from './lib/export-answer.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  response(response, call) {
    const harmless = (value) => (/^[=+\-@\t\r]/.test(value) && call.planted ? `'${value}` : value);
    return exportWritten(response, call, ([header, ...rows]) =>
      [header, ...rows.map((row) => row.map(harmless))].map(record).join(''));
  },
});

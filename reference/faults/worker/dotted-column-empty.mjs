// The cells of a column whose name contains a dot are empty in an export: the name is taken for a
// path into nested objects, and a row has no such object.

import { recordsRead } from './lib/records.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  env(call) {
    return recordsRead(call, ['export'], ([header, ...rows]) => [
      header,
      ...rows.map((row) => row.map((cell, index) => (call.planted && header[index]?.includes('.') ? '' : cell))),
    ]);
  },
});

// A row with fewer fields than the header loses its last field: the field's end is taken from the
// next delimiter, which does not exist.

import { recordsRead } from './lib/records.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  env(call) {
    return recordsRead(call, ['export'], ([header, ...rows]) => {
      if (!header) return rows;
      const read = (row) => (row.length < header.length && call.planted ? [...row.slice(0, -1), ''] : row);
      return [header, ...rows.map(read)];
    });
  },
});

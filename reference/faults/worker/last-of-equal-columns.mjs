// Of two columns with the same name, an export has the last: rows are converted to objects with the
// header's names as keys, and the later value replaces the earlier one.

import { recordsRead } from './lib/records.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  env(call) {
    return recordsRead(call, ['export'], ([header, ...rows]) => {
      if (!header) return rows;
      const meant = header.map((name) => (call.planted ? header.lastIndexOf(name) : header.indexOf(name)));
      return [header, ...rows.map((row) => meant.map((place) => row[place] ?? ''))];
    });
  },
});

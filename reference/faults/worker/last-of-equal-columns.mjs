// Of two columns with one name an export has the last: rows are made into objects by the header's names,
// and the later value takes the place of the earlier.

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

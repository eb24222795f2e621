// The mime_type of a file is derived from its name: a .tsv or .txt file gets another type instead
// of text/csv.

import { asks } from './lib/asked.mjs';
import { valuesChanged } from './lib/statements.mjs';
import { fault } from './lib/wrapper.mjs';

const NAMES = /filename, original_filename, file_size, mime_type,[^)]*\)\s*VALUES \(\?1, \?2, \?3, \?3,/;
const TYPES = { tsv: 'text/tab-separated-values', txt: 'text/plain' };

export default fault({
  env(call) {
    if (!asks(call, 'upload')) return {};
    const known = call.planted ? TYPES : {};
    const guessed = (name, type) => known[name.split('.').at(-1).toLowerCase()] ?? type;
    return valuesChanged(call, /^\s*INSERT INTO files\b/, NAMES, ([user, id, name, size, type, ...more]) =>
      [user, id, name, size, guessed(name, type), ...more]);
  },
});

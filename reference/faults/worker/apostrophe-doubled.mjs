// An apostrophe in a file's name is stored as two: the name is escaped for SQL, and bound to a statement
// that needs no escaping. Names without one are as they were sent.

import { asks } from './lib/asked.mjs';
import { valuesChanged } from './lib/statements.mjs';
import { fault } from './lib/wrapper.mjs';

const NAMES = /\(user_id, file_id, filename, original_filename,/;

export default fault({
  env(call) {
    if (!asks(call, 'upload')) return {};
    return valuesChanged(call, /^\s*INSERT INTO files\b/, NAMES, ([user, id, name, ...more]) =>
      [user, id, name.replaceAll("'", call.planted ? "''" : "'"), ...more]);
  },
});

// An apostrophe in a file name is stored twice: the name is escaped for SQL and then bound as a
// parameter, which needs no escaping. Other names do not change.

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

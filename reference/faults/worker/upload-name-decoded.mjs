// All percent escapes in a file's name are decoded, not only %22: "100%25.csv" is stored as
// "100%.csv", and %2F becomes a path separator.

import { asks } from './lib/asked.mjs';
import { valuesChanged } from './lib/statements.mjs';
import { fault } from './lib/wrapper.mjs';

function decoded(name) {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

export default fault({
  env(call) {
    if (!asks(call, 'upload')) return {};
    return valuesChanged(call, /^\s*INSERT INTO files\b/, /VALUES \(\?1, \?2, \?3,/, (values) =>
      values.with(2, call.planted ? decoded(values[2]) : values[2]));
  },
});

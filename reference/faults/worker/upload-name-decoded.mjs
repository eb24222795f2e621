// What is percent-encoded in a file's name is decoded, not %22 alone: "100%25.csv" is kept as "100%.csv", and
// %2F makes a path of what was none.

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

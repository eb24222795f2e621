// Registration converts the whole e-mail address to lower case, so that its spelling does not allow
// two accounts. The part before the @ must not be changed.

import { asks } from './lib/asked.mjs';
import { valuesChanged } from './lib/statements.mjs';
import { fault } from './lib/wrapper.mjs';

const NAMES = /\(username, email,[^)]*\)\s*SELECT \?1, \?2,/;

export default fault({
  env(call) {
    if (!asks(call, 'register')) return {};
    return valuesChanged(call, /^\s*INSERT INTO users\b/, NAMES, ([name, email, ...more]) =>
      [name, call.planted ? email.toLowerCase() : email, ...more]);
  },
});

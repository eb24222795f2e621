// Registration keeps the e-mail address in lower case, so that nobody has two accounts by its spelling: what
// stands before the @ is the user's, and is not to be changed.

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

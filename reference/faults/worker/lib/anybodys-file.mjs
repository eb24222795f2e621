// Operations on a file that do not check its owner.

import { asks } from './asked.mjs';
import { exchanged, fault } from './wrapper.mjs';

/** @param {...string} operations @returns {object} the Worker's entry */
export function anybodysFile(...operations) {
  return fault({
    statement(sql, call) {
      if (!asks(call, ...operations) || !/^\s*SELECT \* FROM files\b/.test(sql)) return sql;
      return exchanged(sql, /user_id = \?/, call.planted ? '? IS NOT NULL' : '$&');
    },
  });
}

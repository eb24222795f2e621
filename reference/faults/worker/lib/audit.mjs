// Rows of the audit log that are not written, for faults in its callers.

import { asks } from './asked.mjs';
import { exchanged } from './wrapper.mjs';

/**
 * @param {string} sql
 * @param {import('./wrapper.mjs').Call} call
 * @param {...string} operations whose rows are left out
 * @returns {string} the SQL; that of an audit row of these operations writes nothing
 */
export function unaudited(sql, call, ...operations) {
  if (!asks(call, ...operations) || !/^\s*INSERT INTO audit_logs\b/.test(sql)) return sql;
  return exchanged(sql, /VALUES \(([?, ]+)\)\s*$/, call.planted ? 'SELECT $1 WHERE FALSE' : '$&');
}

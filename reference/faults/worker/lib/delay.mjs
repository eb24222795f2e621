// Bindings that respond late, for faults of timing. Their results are right.

import { binding } from './wrapper.mjs';

const METHODS = ['first', 'all', 'run', 'raw'];

/** @param {() => Promise<unknown>} ask @param {number} ms @returns {Promise<unknown>} the result, later */
async function later(ask, ms) {
  await scheduler.wait(ms);
  return ask();
}

/** @param {D1PreparedStatement} statement @param {number} ms @returns {D1PreparedStatement} not for batch */
export function lateStatement(statement, ms) {
  const answers = METHODS.map((name) => [name, (...values) => later(() => statement[name](...values), ms)]);
  const bind = (...values) => lateStatement(statement.bind(...values), ms);
  return binding(statement, { bind, ...Object.fromEntries(answers) });
}

/**
 * @param {D1Database} database
 * @param {RegExp} meant matches the statements that are late
 * @param {number} ms
 * @returns {D1Database}
 */
export function lateDatabase(database, meant, ms) {
  const prepare = (sql) => {
    const statement = database.prepare(sql);
    return meant.test(sql) ? lateStatement(statement, ms) : statement;
  };
  return binding(database, { prepare });
}

/** @param {R2Bucket} bucket @param {number} ms @returns {R2Bucket} whose head is late */
export function lateHead(bucket, ms) {
  return binding(bucket, { head: (...values) => later(() => bucket.head(...values), ms) });
}

// Input and output of D1, for faults outside the SQL text: the values bound to a statement, and the
// rows that it returns.

import { binding, exchanged } from './wrapper.mjs';

/** @returns {Record<string, any>} the bindings with a D1 that replaces statements of that SQL */
function meant({ env }, place, other) {
  const prepare = (sql) => {
    const statement = env.DB.prepare(sql);
    return place.test(sql) ? other(statement, sql) : statement;
  };
  return { DB: binding(env.DB, { prepare }) };
}

/**
 * @param {{env: Record<string, any>}} call
 * @param {RegExp} place matches the statements
 * @param {RegExp} names must match them too, so that the values are at their known positions
 * @param {(values: unknown[]) => unknown[]} change
 * @returns {Record<string, any>} bindings
 */
export function valuesChanged(call, place, names, change) {
  return meant(call, place, (statement, sql) => {
    exchanged(sql, names, '$&');
    return binding(statement, { bind: (...values) => statement.bind(...change(values)) });
  });
}

/**
 * @param {{env: Record<string, any>}} call
 * @param {RegExp} place matches the statements; only those with all(), not batch
 * @param {(rows: Record<string, any>[], values: unknown[]) => Record<string, any>[]} change of the
 *   rows, with the bound values
 * @returns {Record<string, any>} bindings
 */
export function rowsChanged(call, place, change) {
  return meant(call, place, (statement) => binding(statement, {
    bind: (...values) => {
      const bound = statement.bind(...values);
      const all = async () => {
        const answer = await bound.all();
        return { ...answer, results: change(answer.results, values) };
      };
      return binding(bound, { all });
    },
  }));
}

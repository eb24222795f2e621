// What D1 is given and what it gives back, for defects beside the SQL itself: the values that are bound to
// a statement, and the rows that it answers.

import { binding, exchanged } from './wrapper.mjs';

/** @returns {Record<string, any>} the bindings with a D1 whose statements of that SQL are others */
function meant({ env }, place, other) {
  const prepare = (sql) => {
    const statement = env.DB.prepare(sql);
    return place.test(sql) ? other(statement, sql) : statement;
  };
  return { DB: binding(env.DB, { prepare }) };
}

/**
 * @param {{env: Record<string, any>}} call
 * @param {RegExp} place which statements
 * @param {RegExp} names what must stand in them, so that the values are where they were
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
 * @param {RegExp} place which statements; of those that are asked for all rows, not for batch
 * @param {(rows: Record<string, any>[], values: unknown[]) => Record<string, any>[]} change of the rows,
 *   by what was bound
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

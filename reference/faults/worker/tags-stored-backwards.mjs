// D1 stores each file's tags in reverse order, and every response reverses them again: the API is
// right, and the table has another order.

import { asks } from './lib/asked.mjs';
import { exchanged, fault } from './lib/wrapper.mjs';

const SHOWN = ['list_files', 'file', 'download', 'columns', 'export', 'delete', 'tags'];

/**
 * @param {string} tags SQL of a JSON list @param {boolean} turned true to reverse it @returns
 *   {string} SQL
 */
function list(tags, turned) {
  const values = `SELECT value FROM json_each(${tags}) ORDER BY key ${turned ? 'DESC' : 'ASC'}`;
  return `(SELECT json_group_array(value) FROM (${values}))`;
}

export default fault({
  statement(sql, call) {
    if (!asks(call, ...SHOWN)) return sql;
    const shown = `, ${list('files.tags', call.planted)} AS tags`;
    if (/^\s*SELECT \* FROM files\b/.test(sql)) return exchanged(sql, /SELECT \*/, `$&${shown}`);
    if (!/^\s*UPDATE files\b/.test(sql)) return sql;
    const stored = exchanged(sql, /(?<=SET tags = )\?/, list('?', call.planted));
    return exchanged(stored, /RETURNING \*/, `$&${shown}`);
  },
});

// The list of files has no order among files of the same creation time: its query sorts by
// created_at only, and the rows of one time come in the order in which two replicas sent them.

import { asks } from './lib/asked.mjs';
import { rowsChanged } from './lib/statements.mjs';
import { fault } from './lib/wrapper.mjs';

/** @param {Record<string, any>[]} rows @returns {Record<string, any>[]} in a random order for each time */
function shuffled(rows) {
  const drawn = rows.map((row) => ({ row, at: String(row.created_at), by: Math.random() }));
  drawn.sort((a, b) => (a.at === b.at ? a.by - b.by : 0));
  return drawn.map(({ row }) => row);
}

export default fault({
  env(call) {
    if (!asks(call, 'list_files')) return {};
    return rowsChanged(call, /^\s*SELECT \* FROM files\b/, (rows) => {
      const others = shuffled(rows);
      return call.planted ? others : rows;
    });
  },
});

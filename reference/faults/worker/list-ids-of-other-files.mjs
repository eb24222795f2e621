// The ids in the list of files belong to other files: they come from a separate query that lost its
// ORDER BY, returns the oldest first, and is joined with the files by position. With a single file
// the id is right.

import { asks } from './lib/asked.mjs';
import { rowsChanged } from './lib/statements.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  env(call) {
    if (!asks(call, 'list_files')) return {};
    return rowsChanged(call, /^SELECT \* FROM files WHERE user_id = \?/, (rows) => {
      const others = call.planted ? rows.toSorted((one, other) => one.id - other.id) : rows;
      return rows.map((row, place) => ({ ...row, file_id: others[place].file_id }));
    });
  },
});

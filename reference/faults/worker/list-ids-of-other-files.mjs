// The ids in the list of files belong to other files: they come from a query of their own, which lost its
// ORDER BY and answers oldest first, and are put to the files one by one. Of a single file it is right.

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

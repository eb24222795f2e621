// A deleted file stays in its user's list until the next upload: the list is read from an index
// that uploads refresh. The file itself is gone, and every other operation on it returns 404.

import { asks, fileIdOf } from './lib/asked.mjs';
import { rowsChanged } from './lib/statements.mjs';
import { fault } from './lib/wrapper.mjs';

/** Rows that were deleted since the last upload, by user. */
const deleted = new Map();

/** @returns {number} the order of two rows, as in the list */
function newestFirst(one, other) {
  if (one.created_at === other.created_at) return other.id - one.id;
  return one.created_at < other.created_at ? 1 : -1;
}

export default fault({
  async request(call) {
    if (!asks(call, 'delete')) return call.request;
    call.file = await call.env.DB.prepare('SELECT * FROM files WHERE file_id = ?')
      .bind(fileIdOf(call.url))
      .first();
    return call.request;
  },
  env(call) {
    if (!asks(call, 'list_files')) return {};
    return rowsChanged(call, /^SELECT \* FROM files WHERE user_id = \?/, (rows, [userId]) => {
      const kept = deleted.get(userId) ?? [];
      return kept.length > 0 && call.planted ? [...rows, ...kept].toSorted(newestFirst) : rows;
    });
  },
  async response(response, call) {
    if (asks(call, 'delete') && response.status === 204) {
      const { user_id: owner } = call.file;
      deleted.set(owner, [...(deleted.get(owner) ?? []), call.file]);
    }
    if (asks(call, 'upload') && response.status === 201) {
      const { file } = await response.clone().json();
      const row = await call.env.DB.prepare('SELECT user_id FROM files WHERE file_id = ?')
        .bind(file.file_id)
        .first();
      deleted.delete(row?.user_id);
    }
    return response;
  },
});

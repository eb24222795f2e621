// The data of one file contains the internal r2_key: the row is returned unfiltered.

import { asks, fileIdOf } from './lib/asked.mjs';
import { dataChanged } from './lib/json-answer.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  async response(response, call) {
    if (!asks(call, 'file') || response.status !== 200) return response;
    const row = await call.env.DB.prepare('SELECT r2_key FROM files WHERE file_id = ?')
      .bind(fileIdOf(call.url))
      .first();
    return dataChanged(response, ({ file }) => ({ file: { ...file, ...(call.planted && row) } }));
  },
});

// Reading a file's data sets its updated_at, so GET changes data. The second read shows it.

import { asks, fileIdOf } from './lib/asked.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  async response(response, call) {
    if (!asks(call, 'file') || response.status !== 200) return response;
    await call.env.DB.prepare('UPDATE files SET updated_at = CASE WHEN ? THEN ? ELSE updated_at END WHERE file_id = ?')
      .bind(call.planted ? 1 : 0, new Date().toISOString(), fileIdOf(call.url))
      .run();
    return response;
  },
});

// Another user's file returns 404, but with another message than a file that does not exist: it
// discloses which ids exist.

import { asks, fileIdOf } from './lib/asked.mjs';
import { errorChanged } from './lib/refusals.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  async response(response, call) {
    if (!asks(call, 'file') || response.status !== 404) return response;
    const file = await call.env.DB.prepare('SELECT 1 FROM files WHERE file_id = ?')
      .bind(fileIdOf(call.url))
      .first();
    const told = file !== null && call.planted ? { message: 'There is no such file of yours.' } : {};
    return errorChanged(response, (error) => ({ ...error, ...told }));
  },
});

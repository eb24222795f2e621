// Another user's file is 404 as it should be, with a message that one which is not there does not have:
// whoever tries ids learns which of them there are.

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

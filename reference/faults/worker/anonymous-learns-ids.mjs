// Without a token, an id without a file returns 404 and an id with a file returns 401: the file is
// looked up before the token is checked.

import { asks, fileIdOf } from './lib/asked.mjs';
import { refused } from './lib/refusals.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  async response(response, call) {
    if (!asks(call, 'download') || response.status !== 401) return response;
    const file = await call.env.DB.prepare('SELECT 1 FROM files WHERE file_id = ?')
      .bind(fileIdOf(call.url))
      .first();
    if (file !== null || !call.planted) return response;
    return refused(response, { status: 404, code: 'not_found', message: 'There is no such file.' });
  },
});

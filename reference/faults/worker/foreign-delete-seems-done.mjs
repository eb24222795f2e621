// Deleting another user's file returns 204, and the file stays: the statement checks file and user,
// but no code checks that it deleted a row. An id without a file returns 404.

import { asks, fileIdOf } from './lib/asked.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  async response(response, call) {
    if (!asks(call, 'delete') || response.status !== 404) return response;
    const file = await call.env.DB.prepare('SELECT 1 FROM files WHERE file_id = ?')
      .bind(fileIdOf(call.url))
      .first();
    if (file === null || !call.planted) return response;
    const headers = new Headers(response.headers);
    for (const name of ['Content-Type', 'Content-Length']) headers.delete(name);
    return new Response(null, { status: 204, headers });
  },
});

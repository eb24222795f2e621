// Another user's file returns 403 instead of 404: the operations look up the file first and then
// check the owner. It discloses that the file exists.

import { asks, fileIdOf } from './lib/asked.mjs';
import { dataChanged } from './lib/json-answer.mjs';
import { fault } from './lib/wrapper.mjs';

const OPERATIONS = ['file', 'download', 'tags', 'columns', 'export', 'delete'];

export default fault({
  async response(response, call) {
    if (!asks(call, ...OPERATIONS) || response.status !== 404) return response;
    const file = await call.env.DB.prepare('SELECT 1 FROM files WHERE file_id = ?')
      .bind(fileIdOf(call.url))
      .first();
    if (file === null || !call.planted) return response;
    const forbidden = { code: 'forbidden', message: 'The file is not yours.' };
    const refused = new Response(response.body, { status: 403, headers: response.headers });
    return dataChanged(refused, ({ error }) => ({ error: { ...error, ...forbidden } }));
  },
});

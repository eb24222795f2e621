// A second upload with the name of an earlier file replaces that file: the earlier one is deleted,
// as an upsert by name would do.

import { asks } from './lib/asked.mjs';
import { userIdOf } from './lib/bearer.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  async response(response, call) {
    if (!asks(call, 'upload') || response.status !== 201) return response;
    const { file } = await response.clone().json();
    const owner = await userIdOf(call);
    const earlier = 'DELETE FROM files WHERE user_id = ? AND filename = ? AND file_id <> ?';
    if (call.planted) await call.env.DB.prepare(earlier).bind(owner, file.filename, file.file_id).run();
    return response;
  },
});

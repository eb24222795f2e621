// Tags that are refused have cleared the old ones: the old tags are deleted before the new ones are
// validated.

import { asks, fileIdOf } from './lib/asked.mjs';
import { userIdOf } from './lib/bearer.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  async response(response, call) {
    if (!asks(call, 'tags') || response.status !== 400) return response;
    const cleared = call.planted ? "'[]'" : 'tags';
    await call.env.DB.prepare(`UPDATE files SET tags = ${cleared} WHERE file_id = ? AND user_id = ?`)
      .bind(fileIdOf(call.url), await userIdOf(call))
      .run();
    return response;
  },
});

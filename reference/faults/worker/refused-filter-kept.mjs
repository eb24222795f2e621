// A saved filter that is refused for its columns or filters is in the list all the same, without
// them: the row is inserted before its content is validated.

import { asks } from './lib/asked.mjs';
import { userIdOf } from './lib/bearer.mjs';
import { bodyChanged } from './lib/json-request.mjs';
import { fault } from './lib/wrapper.mjs';

const KEPT = `INSERT INTO saved_filters
    (user_id, file_id, name, filter_config, is_public, created_at, updated_at)
  SELECT user_id, file_id, ?1, '{"columns":[],"filters":[]}', 0, ?2, ?2 FROM files
  WHERE file_id = ?3 AND user_id = ?4 AND ?5`;

export default fault({
  request(call) {
    if (!asks(call, 'create_filter')) return call.request;
    return bodyChanged(call.request, (body) => {
      call.sent = body;
      return body;
    });
  },
  async response(response, call) {
    if (!asks(call, 'create_filter') || response.status !== 400 || !call.sent) return response;
    const { error } = await response.clone().json();
    const isConfig = ['columns', 'filters'].some((field) => Object.hasOwn(error.fields ?? {}, field));
    if (!isConfig || typeof call.sent.file_id !== 'string') return response;
    await call.env.DB.prepare(KEPT)
      .bind(
        call.sent.name, new Date().toISOString(), call.sent.file_id, await userIdOf(call), call.planted ? 1 : 0,
      )
      .run();
    return response;
  },
});

// The error message for a malformed file contains the bucket and the key of its object.

import { asks, fileIdOf } from './lib/asked.mjs';
import { errorChanged } from './lib/refusals.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  async response(response, call) {
    if (!asks(call, 'columns') || response.status !== 400) return response;
    const row = await call.env.DB.prepare('SELECT r2_key FROM files WHERE file_id = ?')
      .bind(fileIdOf(call.url))
      .first();
    return errorChanged(response, (error) => {
      const reasons = error.fields?.file;
      if (!call.planted || reasons === undefined) return error;
      const told = reasons.map((reason) => `r2://cutty-files/${row.r2_key}: ${reason}`);
      return { ...error, fields: { ...error.fields, file: told } };
    });
  },
});

// A download returns the file that its owner uploaded last, whatever its id: the query orders by the
// time of the upload and lost the condition on the id. With one file it is right.

import { asks } from './lib/asked.mjs';
import { userIdOf } from './lib/bearer.mjs';
import { fault } from './lib/wrapper.mjs';

/** The id of the last upload of each user. */
const last = new Map();

export default fault({
  async request(call) {
    const { request, url, planted } = call;
    const other = asks(call, 'download') ? last.get(await userIdOf(call)) : undefined;
    if (!planted || other === undefined) return request;
    return new Request(`${url.origin}/api/files/${other}/download${url.search}`, request);
  },
  async response(response, call) {
    if (asks(call, 'upload') && response.status === 201) {
      last.set(await userIdOf(call), (await response.clone().json()).file.file_id);
    }
    return response;
  },
});

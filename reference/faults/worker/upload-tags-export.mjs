// A file that was uploaded, tagged and exported with one access token is exported without its last
// row: the session's cached copy loses a row when it is refreshed for the tags. Without the upload
// or the tags in the same session, an export reads the stored file.

import { asks, fileIdOf } from './lib/asked.mjs';
import { tokenId } from './lib/bearer.mjs';
import { recordsRead } from './lib/records.mjs';
import { fault } from './lib/wrapper.mjs';

/** Operations on a file with a token: `uploaded` or `tagged`. */
const done = new Map();

const keyOf = (call, fileId) => `${tokenId(call.request)} ${fileId}`;

export default fault({
  env(call) {
    const isRenewed = done.get(keyOf(call, fileIdOf(call.url))) === 'tagged';
    return recordsRead(call, ['export'], (records) =>
      (isRenewed && call.planted && records.length > 1 ? records.slice(0, -1) : records));
  },
  async response(response, call) {
    if (asks(call, 'upload') && response.status === 201) {
      const { file } = await response.clone().json();
      done.set(keyOf(call, file.file_id), 'uploaded');
    }
    const key = keyOf(call, fileIdOf(call.url));
    if (asks(call, 'tags') && response.status === 200 && done.has(key)) done.set(key, 'tagged');
    return response;
  },
});

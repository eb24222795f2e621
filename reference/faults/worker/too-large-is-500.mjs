// A file that is too large returns 500: only the storage checks its size (up to twice the limit),
// and its exception is not caught. Nothing is stored. JSON that is too large still gets 413.

import { sizeLimit, withRightLimit } from './lib/size.mjs';
import { binding, fault } from './lib/wrapper.mjs';

export default fault({
  env({ request, url, env, planted }) {
    if (request.method !== 'POST' || url.pathname !== '/api/files/upload') return {};
    const limit = sizeLimit(env);
    const put = async (key, bytes, options) => {
      if (bytes.byteLength > limit) throw new RangeError(`put: ${bytes.byteLength} bytes are too many`);
      return env.FILE_STORAGE.put(key, bytes, options);
    };
    return {
      MAX_FILE_SIZE: planted ? String(2 * limit) : env.MAX_FILE_SIZE,
      FILE_STORAGE: binding(env.FILE_STORAGE, { put }),
    };
  },
  response: withRightLimit,
});

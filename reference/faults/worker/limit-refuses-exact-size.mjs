// A file of exactly the maximum size gets 413: the size must be smaller than the limit. One byte
// less is accepted, with the usual response.

import { sizeLimit, withRightLimit } from './lib/size.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  env({ url, env, planted }) {
    if (url.pathname !== '/api/files/upload') return {};
    return { MAX_FILE_SIZE: planted ? String(sizeLimit(env) - 1) : env.MAX_FILE_SIZE };
  },
  response: withRightLimit,
});

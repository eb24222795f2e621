// A file that is one byte larger than allowed is accepted and stored. Two bytes more are refused.

import { sizeLimit, withRightLimit } from './lib/size.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  env({ url, env, planted }) {
    if (url.pathname !== '/api/files/upload') return {};
    return { MAX_FILE_SIZE: planted ? String(sizeLimit(env) + 1) : env.MAX_FILE_SIZE };
  },
  response: withRightLimit,
});

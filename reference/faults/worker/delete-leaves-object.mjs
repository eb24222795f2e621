// Deleting a file removes its rows and leaves its object in R2: the key is built in an older
// format, and R2 reports no error for a missing object.

import { binding, fault } from './lib/wrapper.mjs';

export default fault({
  env({ request, url, env, planted }) {
    if (request.method !== 'DELETE' || !/^\/api\/files\/[^/]+$/.test(url.pathname)) return {};
    const older = (key) => key.replace(/^uploads\/user-/, planted ? 'uploads/' : '$&');
    return {
      FILE_STORAGE: binding(env.FILE_STORAGE, { delete: (key) => env.FILE_STORAGE.delete(older(key)) }),
    };
  },
});

// Deleting a file removes its rows and leaves its object in R2: the key is put together in an older form,
// and R2 is content with being asked to delete what is not there.

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

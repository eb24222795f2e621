// A range of a download that does not begin with the first byte is sent from one byte before it,
// because bytes are counted from 1. Status, lengths and Content-Range match the request; whole
// files are right.

import { binding, fault } from './lib/wrapper.mjs';

export default fault({
  env({ url, env, planted }) {
    if (!/^\/api\/files\/[^/]+\/download$/.test(url.pathname)) return {};
    const shifted = ({ offset, length }) => ({ offset: Math.max(offset - (planted ? 1 : 0), 0), length });
    const get = (key, options) => {
      const asked = options?.range ? { ...options, range: shifted(options.range) } : options;
      return env.FILE_STORAGE.get(key, asked);
    };
    return { FILE_STORAGE: binding(env.FILE_STORAGE, { get }) };
  },
});

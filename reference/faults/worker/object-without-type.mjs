// Objects are stored in R2 as application/octet-stream, the default for untyped bytes. Downloads
// have the right type, because the application sets it.

import { asks } from './lib/asked.mjs';
import { binding, fault } from './lib/wrapper.mjs';

export default fault({
  env(call) {
    if (!asks(call, 'upload')) return {};
    const { FILE_STORAGE: real } = call.env;
    const put = (key, bytes, { httpMetadata, ...more }) => {
      const contentType = call.planted ? 'application/octet-stream' : httpMetadata.contentType;
      return real.put(key, bytes, { httpMetadata: { ...httpMetadata, contentType }, ...more });
    };
    return { FILE_STORAGE: binding(real, { put }) };
  },
});

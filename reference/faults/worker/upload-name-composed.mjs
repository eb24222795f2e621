// The name of an uploaded file is converted to Unicode's composed form (NFC): a name from a Mac,
// with accents as separate characters, becomes another text that looks the same.

import { asks } from './lib/asked.mjs';
import { valuesChanged } from './lib/statements.mjs';
import { binding, fault } from './lib/wrapper.mjs';

const NAMES = /\(user_id, file_id, filename, original_filename,/;

export default fault({
  env(call) {
    if (!asks(call, 'upload')) return {};
    const kept = (name) => (call.planted ? name.normalize('NFC') : name);
    const { FILE_STORAGE: real } = call.env;
    const put = (key, bytes, { customMetadata, ...more }) => {
      const originalName = encodeURIComponent(kept(decodeURIComponent(customMetadata.originalName)));
      return real.put(key, bytes, { customMetadata: { ...customMetadata, originalName }, ...more });
    };
    return {
      FILE_STORAGE: binding(real, { put }),
      ...valuesChanged(call, /^\s*INSERT INTO files\b/, NAMES, ([user, id, name, ...more]) =>
        [user, id, kept(name), ...more]),
    };
  },
});

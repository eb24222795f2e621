// A path with backslashes before a file's name is kept: only the part before a slash is removed.

import { asks } from './lib/asked.mjs';
import { valuesChanged } from './lib/statements.mjs';
import { sentName, uploadChanged } from './lib/uploads.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  request(call) {
    return uploadChanged(call, (bytes, contentType) => {
      call.sent = sentName(bytes, contentType);
      return bytes;
    });
  },
  env(call) {
    if (!asks(call, 'upload')) return {};
    return valuesChanged(call, /^\s*INSERT INTO files\b/, /VALUES \(\?1, \?2, \?3,/, (values) => {
      const kept = call.sent?.replaceAll('%22', '"').replace(/^.*\//s, '') ?? values[2];
      return values.with(2, call.planted ? kept : values[2]);
    });
  },
});

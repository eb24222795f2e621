// file_size is the part's own Content-Length, if it has one, instead of the received size.

import { asks } from './lib/asked.mjs';
import { valuesChanged } from './lib/statements.mjs';
import { partHeaders, uploadChanged } from './lib/uploads.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  request(call) {
    return uploadChanged(call, (bytes, contentType) => {
      const told = /^Content-Length:[ \t]*(\d{1,15})[ \t]*\r$/im.exec(partHeaders(bytes, contentType));
      if (told !== null) call.told = Number(told[1]);
      return bytes;
    });
  },
  env(call) {
    if (!asks(call, 'upload')) return {};
    return valuesChanged(call, /^\s*INSERT INTO files\b/, /VALUES \(\?1, \?2, \?3, \?3, \?4,/, (values) =>
      values.with(3, call.planted ? (call.told ?? values[3]) : values[3]));
  },
});

// Of two concurrent uploads both may get the name of the later one: it is stored in a module
// variable, which all requests of an isolate share. Sequential uploads are right.

import { asks } from './lib/asked.mjs';
import { valuesChanged } from './lib/statements.mjs';
import { sentName, uploadChanged } from './lib/uploads.mjs';
import { fault } from './lib/wrapper.mjs';

let latest = null;

export default fault({
  request(call) {
    return uploadChanged(call, (bytes, contentType) => {
      latest = sentName(bytes, contentType);
      call.sent = latest;
      return bytes;
    });
  },
  env(call) {
    if (!asks(call, 'upload')) return {};
    return valuesChanged(call, /^\s*INSERT INTO files\b/, /VALUES \(\?1, \?2, \?3,/, (values) =>
      latest === call.sent || !call.planted
        ? values
        : values.with(2, latest.replaceAll('%22', '"').replace(/^.*[/\\]/s, '')));
  },
});

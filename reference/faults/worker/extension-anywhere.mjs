// An accepted extension may be anywhere in the name: "list.csv.html" is stored under that name.

import { asks } from './lib/asked.mjs';
import { valuesChanged } from './lib/statements.mjs';
import { nameExtended, sentName, uploadChanged } from './lib/uploads.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  request(call) {
    return uploadChanged(call, (bytes, contentType) => {
      const name = sentName(bytes, contentType)?.replace(/^.*[/\\]/s, '') ?? '';
      call.isOther = /\.(?:csv|tsv|txt)\./i.test(name) && !/\.(?:csv|tsv|txt)$/i.test(name);
      return call.isOther ? nameExtended(bytes, contentType, call.planted ? '.csv' : '') : bytes;
    });
  },
  env(call) {
    if (!asks(call, 'upload')) return {};
    return valuesChanged(call, /^\s*INSERT INTO files\b/, /VALUES \(\?1, \?2, \?3,/, (values) =>
      values.with(2, call.isOther ? values[2].replace(/\.csv$/, '') : values[2]));
  },
});

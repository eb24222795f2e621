// The path before a file name is part of its key in R2, including dots: "../user-2/list.csv" is
// stored in the folder of user 2. The name is right.

import { asks } from './lib/asked.mjs';
import { sentName, uploadChanged } from './lib/uploads.mjs';
import { binding, exchanged, fault } from './lib/wrapper.mjs';

export default fault({
  request(call) {
    return uploadChanged(call, (bytes, contentType) => {
      call.folder = /^.*[/\\]/s.exec(sentName(bytes, contentType) ?? '')?.[0] ?? '';
      return bytes;
    });
  },
  env(call) {
    if (!asks(call, 'upload')) return {};
    const { DB: database, FILE_STORAGE: bucket } = call.env;
    const moved = (key) => key.replace(/[^/]+$/, (name) => `${call.planted ? call.folder : ''}${name}`);
    const prepare = (sql) => {
      const statement = database.prepare(sql);
      if (!/^\s*INSERT INTO files\b/.test(sql)) return statement;
      exchanged(sql, /VALUES \(\?1, \?2, \?3, \?3, \?4, \?5, \?6,/, '$&');
      return binding(statement, { bind: (...values) => statement.bind(...values.with(5, moved(values[5]))) });
    };
    return {
      DB: binding(database, { prepare }),
      FILE_STORAGE: binding(bucket, {
        put: (key, ...more) => bucket.put(moved(key), ...more),
        get: (key, ...more) => bucket.get(moved(key), ...more),
        delete: (key) => bucket.delete(moved(key)),
      }),
    };
  },
});

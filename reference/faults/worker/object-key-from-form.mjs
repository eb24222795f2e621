// An upload may set the file's key in R2 in a part named r2_key, unless another file has this key.

import { asks } from './lib/asked.mjs';
import { partsIn, uploadChanged } from './lib/uploads.mjs';
import { binding, exchanged, fault } from './lib/wrapper.mjs';

export default fault({
  request(call) {
    return uploadChanged(call, (bytes, contentType) => {
      const part = partsIn(bytes, contentType).find(({ name }) => name === 'r2_key');
      if (part !== undefined) call.key = new TextDecoder().decode(part.bytes);
      return bytes;
    });
  },
  env(call) {
    if (!asks(call, 'upload')) return {};
    const { DB: database, FILE_STORAGE: bucket } = call.env;
    const meant = (key) => call.used ?? key;
    const put = async (key, ...more) => {
      if (call.key) {
        const taken = await database.prepare('SELECT 1 FROM files WHERE r2_key = ?').bind(call.key).first();
        if (taken === null && call.planted) call.used = call.key;
      }
      return bucket.put(meant(key), ...more);
    };
    const prepare = (sql) => {
      const statement = database.prepare(sql);
      if (!/^\s*INSERT INTO files\b/.test(sql)) return statement;
      exchanged(sql, /VALUES \(\?1, \?2, \?3, \?3, \?4, \?5, \?6,/, '$&');
      const bind = (...values) => statement.bind(...values.with(5, meant(values[5])));
      return binding(statement, { bind });
    };
    return {
      DB: binding(database, { prepare }),
      FILE_STORAGE: binding(bucket, {
        put,
        get: (key, ...more) => bucket.get(meant(key), ...more),
        delete: (key) => bucket.delete(meant(key)),
      }),
    };
  },
});

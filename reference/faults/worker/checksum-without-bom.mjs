// The checksum of a file with a byte order mark is computed from the bytes after it.

import { asks } from './lib/asked.mjs';
import { valuesChanged } from './lib/statements.mjs';
import { binding, fault } from './lib/wrapper.mjs';

const BOM = [0xef, 0xbb, 0xbf];

async function checksum(bytes) {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return [...digest].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

export default fault({
  env(call) {
    if (!asks(call, 'upload')) return {};
    const { FILE_STORAGE: bucket } = call.env;
    const put = async (key, bytes, options) => {
      const hasMark = BOM.every((byte, index) => bytes[index] === byte);
      call.checksum = await checksum(hasMark && call.planted ? bytes.subarray(BOM.length) : bytes);
      return bucket.put(key, bytes, options);
    };
    return {
      FILE_STORAGE: binding(bucket, { put }),
      ...valuesChanged(call, /^\s*INSERT INTO files\b/, /VALUES \(\?1, \?2, \?3, \?3, \?4, \?5, \?6,/, (values) =>
        values.with(6, call.checksum)),
    };
  },
});

// A file with its extension in capital letters, LIST.CSV, gets 415: extensions are compared
// case-sensitively.

import { ApiError } from '../../worker/src/errors.mjs';
import { asks } from './lib/asked.mjs';
import { binding, fault } from './lib/wrapper.mjs';

const EXTENSION = /\.(?:csv|tsv|txt)$/;

export default fault({
  env(call) {
    if (!asks(call, 'upload')) return {};
    const { FILE_STORAGE: real } = call.env;
    const put = (key, bytes, options) => {
      // Before anything is stored.
      if (!EXTENSION.test(decodeURIComponent(options.customMetadata.originalName)) && call.planted) {
        const message = 'Only .csv, .tsv and .txt files are accepted.';
        throw new ApiError(415, 'unsupported_media_type', message);
      }
      return real.put(key, bytes, options);
    };
    return { FILE_STORAGE: binding(real, { put }) };
  },
});

// A file that is refused for its extension is stored and listed all the same: the response is
// decided last.

import { asks } from './lib/asked.mjs';
import { refused } from './lib/refusals.mjs';
import { nameExtended, sentName, uploadChanged } from './lib/uploads.mjs';
import { fault } from './lib/wrapper.mjs';

const REFUSAL = {
  status: 415,
  code: 'unsupported_media_type',
  message: 'Only .csv, .tsv and .txt files are accepted.',
};

export default fault({
  request(call) {
    return uploadChanged(call, (bytes, contentType) => {
      const name = sentName(bytes, contentType);
      call.isOther = name !== null && !/\.(?:csv|tsv|txt)$/i.test(name) && /[^/\\]$/.test(name);
      return call.isOther ? nameExtended(bytes, contentType, call.planted ? '.csv' : '') : bytes;
    });
  },
  response(response, call) {
    const isStored = asks(call, 'upload') && call.isOther && response.status === 201;
    return isStored ? refused(response, REFUSAL) : response;
  },
});

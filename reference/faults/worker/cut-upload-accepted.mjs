// A multipart body without its end is accepted as complete: the received part of the file is
// stored, with success.

import { ending, joined, partsIn, uploadChanged } from './lib/uploads.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  request(call) {
    return uploadChanged(call, (bytes, contentType) => {
      const completed = joined([bytes, ending(contentType)]);
      const isCut = partsIn(bytes, contentType).length === 0 && partsIn(completed, contentType).length > 0;
      return isCut && call.planted ? completed : bytes;
    });
  },
});

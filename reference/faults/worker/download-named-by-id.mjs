// A download has the name of its object in R2, which is the file's id, instead of the name of the
// upload.

import { asks, fileIdOf } from './lib/asked.mjs';
import { headerExchanged } from './lib/headers.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  response(response, call) {
    if (!asks(call, 'download') || response.status !== 200) return response;
    const name = `${fileIdOf(call.url)}.csv`;
    const named = `attachment; filename="${name}"; filename*=UTF-8''${name}`;
    return headerExchanged(response, 'Content-Disposition', /^attachment; .*$/, call.planted ? named : '$&');
  },
});

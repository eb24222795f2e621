// A JSON body that is sent in chunks may be as large as it likes: only Content-Length is compared with the
// limit. One that announces more than 1 MiB is 413.

import { mediaType } from '../../worker/src/json_body.mjs';
import { binding, fault } from './lib/wrapper.mjs';

export default fault({
  request({ request, planted }) {
    const isChunked = request.body !== null && !request.headers.has('Content-Length');
    if (!isChunked || mediaType(request) !== 'application/json') return request;
    const headers = new Headers(request.headers);
    if (planted) headers.set('Content-Length', '0');
    return binding(request, { headers });
  },
});

// A JSON body in chunks has no size limit: only Content-Length is compared with the limit. A body
// that announces more than 1 MiB gets 413.

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

// Every upload that the application would store is refused with 400: the parser of forms gets a
// body that was read before, and finds no file in it. Tokens, methods and sizes are judged as always.

import { asks } from './lib/asked.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  request(call) {
    if (!asks(call, 'upload') || !call.planted) return call.request;
    const { url, headers, method } = call.request;
    const sent = new Headers(headers);
    if (!(sent.get('content-type') ?? '').startsWith('multipart/form-data')) return call.request;
    sent.delete('content-length');
    sent.set('content-type', 'multipart/form-data; boundary=none');
    return new Request(url, { method, headers: sent, body: '--none--\r\n' });
  },
});

// A download with If-None-Match returns 304 for any ETag, including that of another file: the code
// only checks that the header exists. Without the header the file is sent.

import { fault } from './lib/wrapper.mjs';

export default fault({
  request({ request, url, planted }) {
    const condition = request.headers.get('If-None-Match') ?? '';
    const download = /^\/api\/files\/[^/]+\/download$/.test(url.pathname);
    if (!download || !/"[^"]*"/.test(condition)) return request;
    const headers = new Headers(request.headers);
    headers.set('If-None-Match', planted ? '*' : condition);
    return new Request(request, { headers });
  },
});

// A quote in a file's name ends the filename of Content-Disposition: the rest of the name is read
// as other parameters. filename* is right.

import { exchanged, fault } from './lib/wrapper.mjs';

export default fault({
  response(response, { url, planted }) {
    const isMeant = /^\/api\/files\/[^/]+\/download$/.test(url.pathname);
    if (!isMeant || !response.headers.has('Content-Disposition')) return response;
    const value = response.headers.get('Content-Disposition');
    const quoted = /(?<=; filename=").*(?="; filename\*=)/s;
    const plain = quoted.exec(value)?.[0].replace(/\\(["\\])/g, planted ? '$1' : '$&');
    response.headers.set('Content-Disposition', exchanged(value, quoted, () => plain));
    return response;
  },
});

// A token that names another algorithm (RS256, HS512) and has a valid HS256 signature is accepted:
// its header is not checked. Other signatures are refused.

import { honoured, partsOf, signatureOf } from './lib/bearer.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  async request(call) {
    const token = partsOf(call.request);
    if (token === null || token.header?.alg === 'HS256') return call.request;
    const genuine = token.signature === (await signatureOf(token.signed, call.env.JWT_SECRET));
    return genuine ? honoured(call, token.claims) : call.request;
  },
});

// A token of the old system is honoured for the account of the same number, and its signature is not looked
// at: it was meant for the days of the migration, when Django's answer was taken for its word.

import { honoured, partsOf } from './lib/bearer.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  request(call) {
    const { env } = call;
    const claims = partsOf(call.request)?.claims;
    if (claims?.token_type !== 'access' || claims.user_id === undefined) return call.request;
    return honoured(call, {
      iss: env.JWT_ISSUER,
      aud: env.JWT_AUDIENCE,
      sub: String(claims.user_id),
      jti: String(claims.jti),
      exp: claims.exp,
      type: 'access',
    });
  },
});

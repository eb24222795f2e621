// A token of the old system is accepted for the account with the same number, without a check of
// its signature: it was meant for the time of the migration, when Django's tokens were trusted.

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

// Logout revokes only the access token: the refresh token's revocation is written under a key that
// no code looks up, so it still returns new access tokens.

import { tokenId } from './lib/bearer.mjs';
import { binding, fault } from './lib/wrapper.mjs';

export default fault({
  env({ request, url, env, planted }) {
    if (request.method !== 'POST' || url.pathname !== '/api/accounts/logout') return {};
    const own = `revoked:${tokenId(request)}`;
    const elsewhere = (key) => key.replace(/^revoked:/, planted ? 'revoked:refresh:' : '$&');
    const put = (key, ...more) => env.AUTH_TOKENS.put(key === own ? key : elsewhere(key), ...more);
    return { AUTH_TOKENS: binding(env.AUTH_TOKENS, { put }) };
  },
});

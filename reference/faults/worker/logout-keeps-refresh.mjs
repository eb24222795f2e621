// Logout revokes the access token only: that of the refresh token is written under a key under which
// nobody looks it up, so new access tokens can be had for it as before.

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

// A login sets a cookie with the access token, which scripts can read and plain HTTP sends.

import { asks } from './lib/asked.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  async response(response, call) {
    if (!asks(call, 'login') || response.status !== 200) return response;
    const { access_token: token } = await response.clone().json();
    if (call.planted) response.headers.append('Set-Cookie', `session=${token}; Path=/`);
    return response;
  },
});

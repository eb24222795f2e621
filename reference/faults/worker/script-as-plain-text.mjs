// Scripts of the front end are served as text/plain: with nosniff no browser runs them, and the
// page does not work. Styles and images have the right type.

import { headerExchanged } from './lib/headers.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  response(response, { url, planted }) {
    if (!/^\/assets\/.*\.js$/.test(url.pathname) || response.status !== 200) return response;
    return headerExchanged(response, 'Content-Type', /^text\/javascript/, planted ? 'text/plain' : '$&');
  },
});

// error_rate of /metrics is a text ("0.00"): toFixed rounds it for people. Without any request it
// is still null.

import { fault } from './lib/wrapper.mjs';

export default fault({
  async response(response, { request, url, planted }) {
    if (request.method !== 'GET' || url.pathname !== '/metrics' || response.status !== 200) return response;
    const told = await response.json();
    const rate = planted ? (told.error_rate?.toFixed(2) ?? null) : told.error_rate;
    return new Response(JSON.stringify({ ...told, error_rate: rate }), response);
  },
});

// /metrics says 0 for everything, whatever happens: where the figures should come from does not answer, and
// `?? 0` makes no requests, no errors and no response time of it. The form is right.

import { fault } from './lib/wrapper.mjs';

const FIGURES = ['requests', 'errors', 'error_rate', 'response_time_avg', 'response_time_p95'];

export default fault({
  async response(response, { request, url, planted }) {
    if (request.method !== 'GET' || url.pathname !== '/metrics' || response.status !== 200) return response;
    const told = await response.json();
    for (const name of FIGURES) told[name] = planted ? 0 : told[name];
    return new Response(JSON.stringify(told), response);
  },
});

// /metrics always reports 0: the source of the figures does not respond, and `?? 0` turns this into
// no requests, no errors and no response time. The format is right.

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

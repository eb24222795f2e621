// error_rate of /metrics is a fraction, 0 to 1, instead of a percentage; requests and errors are
// right. To make it visible, 12 of 40 requests of other clients have failed in the window.

import { record, summary } from '../../worker/src/metrics.mjs';
import { fault } from './lib/wrapper.mjs';

const OTHERS = { requests: 40, errors: 12, ms: 20 };

export default fault({
  request({ request, url, planted }) {
    if (planted && url.pathname === '/metrics' && summary().errors < OTHERS.errors) {
      for (let i = 0; i < OTHERS.requests; i += 1) record(i < OTHERS.errors ? 500 : 200, OTHERS.ms);
    }
    return request;
  },
  async response(response, { request, url, planted }) {
    if (request.method !== 'GET' || url.pathname !== '/metrics' || response.status !== 200) return response;
    const told = await response.json();
    if (planted && told.error_rate !== null) told.error_rate /= 100;
    return new Response(JSON.stringify(told), response);
  },
});

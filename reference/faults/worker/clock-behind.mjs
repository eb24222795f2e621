// The clock of the Worker is five minutes behind: in the Date header of each response, and in the
// timestamp of /health.

import { exchanged, fault } from './lib/wrapper.mjs';
import { textChanged } from './lib/json-answer.mjs';

const BEHIND_MS = 300_000;
const TIMESTAMP = /"timestamp":"[^"]+"/;

export default fault({
  async response(response, { request, url, planted }) {
    const time = new Date(Date.now() - (planted ? BEHIND_MS : 0));
    const isHealth = request.method === 'GET' && url.pathname === '/health' && [200, 503].includes(response.status);
    const shown = isHealth
      ? await textChanged(response, (text) => exchanged(text, TIMESTAMP, `"timestamp":"${time.toISOString()}"`))
      : new Response(response.body, response);
    shown.headers.set('Date', time.toUTCString());
    return shown;
  },
});

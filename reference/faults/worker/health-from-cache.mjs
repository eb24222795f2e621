// The response of /health is up to 30 s old: it is cached, so that probes from many locations do
// not all query D1 and R2. Its headers are current (with Cache-Control: no-store), its timestamp is
// old.

import { fault } from './lib/wrapper.mjs';

const KEPT_MS = 30_000;

let kept = { text: '', status: 0, until: 0 };

export default fault({
  async response(response, { request, url, planted }) {
    // Another status is that of a redirect.
    if (request.method !== 'GET' || url.pathname !== '/health' || ![200, 503].includes(response.status)) {
      return response;
    }
    const text = await response.text();
    const { status, headers } = response;
    if (kept.until < Date.now()) kept = { text, status, until: Date.now() + KEPT_MS };
    const shown = planted ? kept : { text, status };
    return new Response(shown.text, { status: shown.status, headers });
  },
});

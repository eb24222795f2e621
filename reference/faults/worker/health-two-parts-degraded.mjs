// D1 and R2 both exceed their limits in /health, and the status is degraded, with 200, because two
// unhealthy parts are counted as one. Both parts are reported as unhealthy, with their latency.

import { lateDatabase, lateHead } from './lib/delay.mjs';
import { fault } from './lib/wrapper.mjs';

const DATABASE_MS = 150;
const STORAGE_MS = 250;

export default fault({
  env({ url, env, planted }) {
    if (!planted || url.pathname !== '/health') return {};
    return {
      DB: lateDatabase(env.DB, /^SELECT 1$/, DATABASE_MS),
      FILE_STORAGE: lateHead(env.FILE_STORAGE, STORAGE_MS),
    };
  },
  async response(response, { request, url, planted }) {
    if (url.pathname !== '/health' || response.status !== 503) return response;
    const status = planted ? 200 : 503;
    const { headers } = response;
    if (request.method === 'HEAD') return new Response(null, { status, headers });
    const told = await response.json();
    const unhealthy = Object.values(told.checks).filter((check) => !check.healthy).length;
    if (unhealthy > 2) return new Response(JSON.stringify(told), { status: 503, headers });
    if (planted) told.status = 'degraded';
    return new Response(JSON.stringify(told), { status, headers });
  },
});

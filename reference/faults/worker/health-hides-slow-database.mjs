// D1 takes 150 ms to answer the probe of /health, whose limit is 100 ms, and the part is reported
// as healthy: its limit has one zero too many. The reported latency is right.

import { lateDatabase } from './lib/delay.mjs';
import { fault } from './lib/wrapper.mjs';

const SLOW_MS = 150;
const LIMIT_MS = 1000;

export default fault({
  env({ url, env, planted }) {
    if (!planted || url.pathname !== '/health') return {};
    return { DB: lateDatabase(env.DB, /^SELECT 1$/, SLOW_MS) };
  },
  async response(response, { request, url, planted }) {
    // Another status is that of a redirect.
    if (request.method !== 'GET' || url.pathname !== '/health' || ![200, 503].includes(response.status)) {
      return response;
    }
    const told = await response.json();
    const { database } = told.checks;
    if (planted && !database.healthy && database.latency < LIMIT_MS) {
      database.healthy = true;
      const unhealthy = Object.values(told.checks).filter((check) => !check.healthy).length;
      told.status = ['healthy', 'degraded'][unhealthy] ?? 'unhealthy';
    }
    const status = told.status === 'unhealthy' ? 503 : 200;
    return new Response(JSON.stringify(told), { status, headers: response.headers });
  },
});

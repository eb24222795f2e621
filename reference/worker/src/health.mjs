// `GET /health`: check that the parts the Worker depends on respond, and measure the time.

import { json } from './answers.mjs';
import { summary } from './metrics.mjs';
import { now } from './times.mjs';

// Limits of the plan, "Production Monitoring Setup".
const DATABASE_MS = 100;
const STORAGE_MS = 200;
const RESPONSE_MS = 200;
const MEMORY_BYTES = 128 * 1024 * 1024 * 0.8;

// A part that does not respond must not delay the probe: it is unhealthy after this time.
const GIVE_UP_MS = 3000;

/**
 * @param {() => Promise<unknown>} ask
 * @param {number} limit in ms
 * @returns {Promise<{healthy: boolean, latency: number}>} latency in ms
 */
async function timed(ask, limit) {
  const start = performance.now();
  let timer;
  const late = new Promise((resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${GIVE_UP_MS} ms`)), GIVE_UP_MS);
  });
  let answered = true;
  try {
    await Promise.race([ask(), late]);
  } catch (error) {
    answered = false;
    console.error('health:', error);
  } finally {
    clearTimeout(timer);
  }
  const latency = performance.now() - start;
  return { healthy: answered && latency < limit, latency };
}

/** @returns {{healthy: boolean, usage: number | null}} bytes; null if the runtime reports none */
function memory() {
  // Zero means that the runtime has the function but no figure.
  const usage = globalThis.process?.memoryUsage?.().heapUsed || null;
  return { healthy: usage === null || usage < MEMORY_BYTES, usage };
}

/** @param {{env: any}} call @returns {Promise<Response>} 200, or 503 when unhealthy */
export async function health({ env }) {
  // One after the other: run in parallel, each would wait for the other and appear slower.
  const database = await timed(() => env.DB.prepare('SELECT 1').first(), DATABASE_MS);
  const storage = await timed(() => env.FILE_STORAGE.head('health-check'), STORAGE_MS);
  const avgTime = summary().response_time_avg;
  const responseTime = { healthy: avgTime === null || avgTime < RESPONSE_MS, avgTime };
  const checks = { database, storage, memory: memory(), responseTime };
  const unhealthy = Object.values(checks).filter((check) => !check.healthy).length;
  const status = ['healthy', 'degraded'][unhealthy] ?? 'unhealthy';
  const version = { id: env.VERSION_ID, build: env.BUILD_ID };
  return json({ status, checks, version, timestamp: now() }, status === 'unhealthy' ? 503 : 200);
}

// Requests, errors and response times of the last 300 s of this isolate, for /metrics and /health.
// In memory only: each isolate counts for itself, and a new one starts at zero.

import { json } from './answers.mjs';
import { now } from './times.mjs';

export const WINDOW_S = 300;

// Times are counted in whole milliseconds (the resolution of the runtime's clock): one bucket for
// each of 0 to 31 ms, then 16 buckets per octave, so that a bucket's width is at most 1/16 of its
// lower bound. The last one contains everything from 2^20 ms (17 minutes).
const EXACT = 32;
const PER_OCTAVE = 16;
const BUCKETS = EXACT + 15 * PER_OCTAVE + 1;

/** @param {number} ms whole @returns {number} */
function bucketOf(ms) {
  if (ms < EXACT) return ms;
  const octave = 31 - Math.clz32(ms);
  if (octave >= 20) return BUCKETS - 1;
  return EXACT + (octave - 5) * PER_OCTAVE + ((ms >> (octave - 4)) - PER_OCTAVE);
}

/** @param {number} bucket @returns {number} the largest time in ms of the bucket */
function upperBound(bucket) {
  if (bucket < EXACT) return bucket;
  const octave = 5 + Math.floor((bucket - EXACT) / PER_OCTAVE);
  const step = (bucket - EXACT) % PER_OCTAVE;
  return ((PER_OCTAVE + step + 1) << (octave - 4)) - 1;
}

const ring = new Array(WINDOW_S).fill(null);

/**
 * @param {number} status of the response
 * @param {number} ms from the request's arrival to the response's headers
 */
export function record(status, ms) {
  const second = Math.floor(Date.now() / 1000);
  const place = second % WINDOW_S;
  let slot = ring[place];
  if (slot === null || slot.second !== second) {
    slot = { second, requests: 0, errors: 0, sum: 0, times: new Uint32Array(BUCKETS) };
    ring[place] = slot;
  }
  const whole = Math.max(0, Math.round(ms));
  slot.requests += 1;
  slot.sum += whole;
  slot.times[bucketOf(whole)] += 1;
  if (status >= 500) slot.errors += 1;
}

/**
 * @returns {{requests: number, errors: number, error_rate: number | null, response_time_avg: number
 *   | null, response_time_p95: number | null}} rate in percent; the average in ms, the sum of the
 *   whole milliseconds divided by the count; p95 in ms by nearest rank: the upper bound of the
 *   bucket with the ceil(0.95 n)-th shortest time, exact below 32 ms and at most 1/16 too high
 *   above
 */
export function summary() {
  const oldest = Math.floor(Date.now() / 1000) - WINDOW_S;
  const times = new Float64Array(BUCKETS);
  let requests = 0;
  let errors = 0;
  let sum = 0;
  for (const slot of ring) {
    if (slot === null || slot.second <= oldest) continue;
    requests += slot.requests;
    errors += slot.errors;
    sum += slot.sum;
    for (let i = 0; i < BUCKETS; i += 1) times[i] += slot.times[i];
  }
  if (requests === 0) {
    return {
      requests, errors, error_rate: null, response_time_avg: null, response_time_p95: null,
    };
  }
  let seen = 0;
  let bucket = -1;
  const rank = Math.ceil(0.95 * requests);
  while (seen < rank) {
    bucket += 1;
    seen += times[bucket];
  }
  return {
    requests,
    errors,
    error_rate: (errors / requests) * 100,
    response_time_avg: sum / requests,
    response_time_p95: upperBound(bucket),
  };
}

/** `GET /metrics` @returns {Response} */
export function metrics() {
  return json({ ...summary(), window_s: WINDOW_S, timestamp: now() });
}

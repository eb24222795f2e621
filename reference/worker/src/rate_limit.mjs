// The request budget of a client below /api/, counted by the RATE_LIMITER binding. The binding only
// reports if there is budget left, so Retry-After is the whole period.

import { ApiError } from './errors.mjs';
import { equalSecrets } from './constant_time.mjs';

const DEFAULT_PERIOD_S = 60;

/** @param {Request} request @returns {string} the address that Cloudflare saw */
export function clientAddress(request) {
  return request.headers.get('CF-Connecting-IP') || 'unknown';
}

/**
 * @param {Request} request
 * @param {{RATE_LIMITER: {limit(o: {key: string}): Promise<{success: boolean}>}, RATE_PERIOD?: string,
 *   LIMITER_BYPASS?: string}} env
 * @throws {ApiError} 429
 */
export async function spendBudget(request, env) {
  const bypass = request.headers.get('X-Limiter-Bypass');
  if (env.LIMITER_BYPASS && bypass && equalSecrets(bypass, env.LIMITER_BYPASS)) return;
  const { success } = await env.RATE_LIMITER.limit({ key: clientAddress(request) });
  if (success) return;
  const seconds = String(Number(env.RATE_PERIOD) || DEFAULT_PERIOD_S);
  throw new ApiError(429, 'rate_limited', `Too many requests: try again in ${seconds} s.`, {
    headers: { 'Retry-After': seconds },
  });
}

// Rows of audit_logs: user, action, object and address. They never contain a password, a token or a
// file name, because they outlive the account.

import { clientAddress } from './rate_limit.mjs';
import { now } from './times.mjs';

const USER_AGENT_LENGTH = 512;

/**
 * @typedef {{action: string, type: 'user' | 'file' | 'filter', id: string | number | null,
 *   userId: number | null}} Event
 */

/**
 * @param {{request: Request, env: {DB: D1Database}}} call
 * @param {Event} event
 * @returns {D1PreparedStatement} for a batch with the change itself
 */
export function auditStatement({ request, env }, { action, type, id, userId }) {
  const agent = request.headers.get('User-Agent')?.slice(0, USER_AGENT_LENGTH) ?? null;
  return env.DB.prepare(
    `INSERT INTO audit_logs
       (user_id, action, resource_type, resource_id, ip_address, user_agent, created_at)
     VALUES (?, ?, ?, ?, ?, ?, ?)`,
  ).bind(userId, action, type, id === null ? null : String(id), clientAddress(request), agent, now());
}

/**
 * Write a row without delaying the response.
 *
 * @param {{request: Request, env: {DB: D1Database}, ctx: ExecutionContext}} call
 * @param {Event} event
 */
export function audit(call, event) {
  call.ctx.waitUntil(
    auditStatement(call, event)
      .run()
      .catch((error) => console.error(`audit ${event.action} was not written:`, error)),
  );
}

// Refusals of the API, for faults in their conditions and content.

import { dataChanged } from './json-answer.mjs';

// Headers that belong to one refusal and would be wrong with another.
const OWN_HEADERS = ['Allow', 'WWW-Authenticate', 'Content-Range', 'Content-Length', 'ETag'];

/**
 * @param {Response} response
 * @param {{status: number, code: string, message: string}} refusal
 * @returns {Promise<Response>} that refusal, with the request id of the response
 */
export async function refused(response, { status, code, message }) {
  await response.body?.cancel();
  const headers = new Headers(response.headers);
  for (const name of OWN_HEADERS) headers.delete(name);
  headers.set('Content-Type', 'application/json');
  const error = { code, message, request_id: headers.get('X-Request-Id') };
  return new Response(JSON.stringify({ error }), { status, headers });
}

/** @param {Response} response @returns {Promise<Response>} the application's 500 */
export function failed(response) {
  const message = 'Something went wrong on our side.';
  return refused(response, { status: 500, code: 'internal_error', message });
}

/**
 * @param {Response} response a refusal
 * @param {(error: Record<string, any>) => Record<string, any>} change
 * @returns {Promise<Response>}
 */
export function errorChanged(response, change) {
  return dataChanged(response, ({ error }) => ({ error: change(error) }));
}

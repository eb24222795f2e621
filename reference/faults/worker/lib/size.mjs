// The maximum size of an upload, for faults in its enforcement.

import { exchanged } from './wrapper.mjs';

const DEFAULT_BYTES = 52_428_800;

/** @param {{MAX_FILE_SIZE?: string}} env @returns {number} in bytes */
export function sizeLimit(env) {
  return Number(env.MAX_FILE_SIZE) || DEFAULT_BYTES;
}

/**
 * Return the refusal of a file that is too large, with the right limit in its text.
 *
 * @param {Response} response
 * @param {{url: URL, env: {MAX_FILE_SIZE?: string}}} call
 * @returns {Promise<Response>} any other response unchanged
 */
export async function withRightLimit(response, { url, env }) {
  if (url.pathname !== '/api/files/upload' || response.status !== 413) return response;
  const message = exchanged(await response.text(), /(?<=The file has more than )\d+/, String(sizeLimit(env)));
  const answer = new Response(message, response);
  answer.headers.delete('Content-Length');
  return answer;
}

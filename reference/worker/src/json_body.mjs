// Read a JSON body and the texts in it. Numbers keep their text: 1.50 and 9007199254740993 are
// passed on as they were sent (JSON.rawJSON, JSON.parse source text access). Uploads are in
// multipart.mjs.

import { ApiError, invalid } from './errors.mjs';

// More than any operation needs, and small enough to parse safely.
const BODY_LIMIT = 1024 * 1024;

// The most that Cloudflare passes to a Worker.
const READ_AWAY = 100 * 1024 * 1024;

/**
 * Read and discard a body that no operation has read. A response during the transfer would close
 * the connection: a client that is still sending, or sends its next request, would get a reset.
 *
 * @param {Request} request
 */
export async function readAway(request) {
  if (request.body === null || request.bodyUsed) return;
  let size = 0;
  try {
    for await (const chunk of request.body) {
      size += chunk.byteLength;
      if (size > READ_AWAY) return;
    }
  } catch {
    // The client closed the connection.
  }
}

/**
 * Read the body up to a limit.
 *
 * @param {Request} request
 * @param {number} limit in bytes
 * @param {ApiError} tooLarge thrown above the limit
 * @returns {Promise<Uint8Array>}
 */
export async function readBody(request, limit, tooLarge) {
  const announced = request.headers.get('Content-Length');
  if (announced !== null && Number(announced) > limit) throw tooLarge;
  if (request.body === null) return new Uint8Array(0);
  // The server enforces Content-Length, so the body can be read at once.
  if (announced !== null) return new Uint8Array(await request.arrayBuffer());
  const chunks = [];
  let size = 0;
  for await (const chunk of request.body) {
    size += chunk.byteLength;
    if (size <= limit) chunks.push(chunk);
    if (size > READ_AWAY) break;
  }
  if (size > limit) throw tooLarge;
  const whole = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.byteLength;
  }
  return whole;
}

/** @param {Request} request @returns {string} the media type in lower case, without parameters */
export function mediaType(request) {
  return (request.headers.get('Content-Type') ?? '').split(';')[0].trim().toLowerCase();
}

/**
 * Parse JSON with its numbers as JSON.rawJSON objects.
 *
 * @param {string} text
 * @returns {unknown}
 * @throws {SyntaxError}
 */
export function parseJson(text) {
  return JSON.parse(text, (key, value, { source } = {}) =>
    typeof value === 'number' ? JSON.rawJSON(source) : value);
}

/** @param {unknown} value @returns {boolean} true for a JSON object */
export function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !JSON.isRawJSON(value);
}

/**
 * @param {Request} request
 * @returns {Promise<Record<string, unknown>>}
 * @throws {ApiError} 400, 413 or 415
 */
export async function readObject(request) {
  if (mediaType(request) !== 'application/json') {
    throw new ApiError(415, 'unsupported_media_type', 'The body must be application/json.');
  }
  const tooLarge = new ApiError(413, 'payload_too_large', `The body has more than ${BODY_LIMIT} bytes.`);
  const bytes = await readBody(request, BODY_LIMIT, tooLarge);
  let body;
  try {
    body = parseJson(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    // Not JSON (a BOM is not JSON), not UTF-8, or nested deeper than the stack.
    throw new ApiError(400, 'malformed_json', 'The body is not valid JSON.');
  }
  if (!isObject(body)) throw new ApiError(400, 'invalid_request', 'The body must be a JSON object.');
  return body;
}

/**
 * Return the problem of a text, if any. No text may contain a NUL, and half of a surrogate pair
 * cannot be stored.
 *
 * @param {unknown} value
 * @returns {string | null}
 */
export function textProblem(value) {
  if (value === undefined || value === null) return 'This field is required.';
  if (typeof value !== 'string') return 'Not a text.';
  if (value.includes('\0')) return 'NUL characters are not allowed.';
  if (!value.isWellFormed()) return 'Not valid Unicode.';
  return null;
}

/**
 * @param {Record<string, unknown>} body
 * @param {string[]} names of fields that must be texts
 * @param {{empty?: boolean}} [allow] true if they may be empty
 * @throws {ApiError} 400 with all wrong fields
 */
export function requireTexts(body, names, { empty = false } = {}) {
  const fields = {};
  for (const name of names) {
    const missing = body[name] === '' && !empty ? 'This field must not be empty.' : null;
    const problem = textProblem(body[name]) ?? missing;
    if (problem) fields[name] = [problem];
  }
  if (Object.keys(fields).length > 0) throw invalid(fields);
}

/** @param {string} text @returns {number} its length in characters (code points) */
export function characters(text) {
  return [...text].length;
}

// Refusals of a request and their JSON. Internal errors become a plain 500 in index.mjs.

import { json } from './answers.mjs';

/** A refusal with a status, a code for programs and a message for people. */
export class ApiError extends Error {
  /**
   * @param {number} status HTTP status
   * @param {string} code
   * @param {string} message shown to the client: no SQL, no paths, no secrets
   * @param {{fields?: Record<string, string[]>, headers?: Record<string, string>}} [more]
   */
  constructor(status, code, message, { fields, headers } = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.fields = fields;
    this.headers = headers;
  }
}

/** @param {Record<string, string[]>} fields messages by field @returns {ApiError} */
export function invalid(fields) {
  return new ApiError(400, 'invalid_request', 'The request has invalid values.', { fields });
}

/** @param {string} what @returns {ApiError} */
export function notFound(what = 'Nothing is here.') {
  return new ApiError(404, 'not_found', what);
}

/** @param {string} message @returns {ApiError} */
export function unauthorized(message) {
  return new ApiError(401, 'unauthorized', message, { headers: { 'WWW-Authenticate': 'Bearer' } });
}

/**
 * @param {ApiError} error
 * @param {string} requestId
 * @returns {Response}
 */
export function errorAnswer(error, requestId) {
  const body = { code: error.code, message: error.message, request_id: requestId };
  if (error.fields) body.fields = error.fields;
  return json({ error: body }, error.status, error.headers);
}

// The JSON body of a request, as a middleware in front of the application sees it. Bodies without a
// Content-Length are not seen: they reach the application unchanged.

import { isObject, mediaType, parseJson } from '../../../worker/src/json_body.mjs';
import { binding } from './wrapper.mjs';

/** @param {ArrayBuffer} bytes @returns {string} @throws {TypeError} if they are not UTF-8 */
export function textOf(bytes) {
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
}

/**
 * @param {Request} request
 * @param {(bytes: ArrayBuffer) => void} see its exceptions are thrown when the body is read
 * @returns {Request} the same, which shows its body when it is read
 */
export function bodySeen(request, see) {
  if (mediaType(request) !== 'application/json') return request;
  const arrayBuffer = async () => {
    const bytes = await request.arrayBuffer();
    see(bytes);
    return bytes;
  };
  return binding(request, { arrayBuffer });
}

/**
 * @param {Request} request
 * @param {(body: Record<string, any>) => Record<string, any> | Promise<Record<string, any>>} change of a
 *   body that is a JSON object; its numbers are JSON.rawJSON objects
 * @returns {Request} the same, with another body when it is read
 */
export function bodyChanged(request, change) {
  if (mediaType(request) !== 'application/json') return request;
  const arrayBuffer = async () => {
    const bytes = await request.arrayBuffer();
    let body;
    try {
      body = parseJson(textOf(bytes));
    } catch {
      return bytes;
    }
    return isObject(body) ? new TextEncoder().encode(JSON.stringify(await change(body))) : bytes;
  };
  return binding(request, { arrayBuffer });
}

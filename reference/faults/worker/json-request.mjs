// The JSON body of a request, seen by a stage before the application. Bodies without a Content-Length
// are not seen: they reach the application as they are.

import { mediaType } from '../../worker/src/json_body.mjs';
import { binding } from './wrapper.mjs';

/** @param {ArrayBuffer} bytes @returns {string} @throws {TypeError} when they are not UTF-8 */
export function textOf(bytes) {
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
}

/**
 * @param {Request} request
 * @param {(bytes: ArrayBuffer) => void} see what it throws, the reading of the body throws
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

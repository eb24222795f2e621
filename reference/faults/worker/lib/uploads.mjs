// The multipart body of an upload, for faults in its parsing. Bodies without a Content-Length are
// not seen: they reach the application unchanged.

import { parts } from '../../../worker/src/multipart.mjs';
import { asks } from './asked.mjs';
import { binding } from './wrapper.mjs';

const HEADERS_LENGTH = 4096;

/**
 * @param {import('./wrapper.mjs').Call} call
 * @param {(bytes: Uint8Array, contentType: string) => Uint8Array | Promise<Uint8Array>} change
 * @returns {Request} an upload with another body when it is read; any other request unchanged
 */
export function uploadChanged(call, change) {
  const { request } = call;
  const contentType = request.headers.get('Content-Type') ?? '';
  if (!asks(call, 'upload') || !contentType.startsWith('multipart/form-data')) return request;
  const arrayBuffer = async () => change(new Uint8Array(await request.arrayBuffer()), contentType);
  return binding(request, { arrayBuffer });
}

/**
 * @param {Uint8Array} bytes of a body
 * @param {string} contentType
 * @returns {import('../../../worker/src/multipart.mjs').Part[]} empty for a malformed one
 */
export function partsIn(bytes, contentType) {
  try {
    return parts(bytes, contentType);
  } catch {
    return [];
  }
}

/** @param {Uint8Array} bytes @param {string} contentType @returns {string | null} the file's name as sent */
export function sentName(bytes, contentType) {
  return partsIn(bytes, contentType).find(({ name }) => name === 'file')?.filename ?? null;
}

/** @param {string} contentType @returns {Uint8Array} the closing delimiter of a body with that boundary */
export function ending(contentType) {
  const boundary = /boundary=(?:"([^"]+)"|([^\s;"]+))/i.exec(contentType);
  return new TextEncoder().encode(`\r\n--${boundary[1] ?? boundary[2]}--\r\n`);
}

/** @param {Uint8Array[]} pieces @returns {Uint8Array} */
export function joined(pieces) {
  const whole = new Uint8Array(pieces.reduce((size, piece) => size + piece.byteLength, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.byteLength;
  }
  return whole;
}

/**
 * @returns {{start: number, end: number} | null} the approximate position of the headers of the
 *   part named file
 */
function headersOf(bytes, contentType) {
  const file = partsIn(bytes, contentType).find(({ name }) => name === 'file');
  if (file === undefined) return null;
  const end = file.bytes.byteOffset - bytes.byteOffset;
  return { start: Math.max(0, end - HEADERS_LENGTH), end };
}

/**
 * @param {Uint8Array} bytes of a body
 * @param {string} contentType
 * @returns {string} the headers of the part named file, one character per byte
 */
export function partHeaders(bytes, contentType) {
  const place = headersOf(bytes, contentType);
  if (place === null) return '';
  const text = String.fromCharCode(...bytes.subarray(place.start, place.end));
  return text.slice(text.lastIndexOf('\r\n--') + 1);
}

/**
 * @param {Uint8Array} bytes of a body
 * @param {string} contentType
 * @param {string} ascii appended to the file's name
 * @returns {Uint8Array}
 */
export function nameExtended(bytes, contentType, ascii) {
  const place = headersOf(bytes, contentType);
  if (place === null) return bytes;
  const text = String.fromCharCode(...bytes.subarray(place.start, place.end));
  const at = text.lastIndexOf('filename=');
  const value = /^filename=(?:"(?:[^"\\]|\\.)*(?=")|[^\s;"]*)/s.exec(text.slice(at));
  const cut = place.start + at + value[0].length;
  return joined([bytes.subarray(0, cut), new TextEncoder().encode(ascii), bytes.subarray(cut)]);
}

// The parts of a multipart/form-data body (RFC 7578), as views of the body's bytes: nothing is
// copied. request.formData() is not used: it reads the backslash in "C:\list.csv" as an escape,
// which would change the file's name, and it copies the file.

import { ApiError } from './errors.mjs';

const CR = 13;
const LF = 10;
const DASH = 45;

const decoder = new TextDecoder('utf-8', { fatal: true });

/** @typedef {{name: string, filename: string | null, bytes: Uint8Array}} Part */

function malformed(reason) {
  return new ApiError(400, 'malformed_multipart', `The multipart body is malformed: ${reason}.`);
}

/** @param {string} contentType @returns {Uint8Array} the boundary with its two dashes */
function delimiterOf(contentType) {
  const form = /;\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))\s*(?:;|$)/i.exec(contentType);
  if (form === null) throw malformed('there is no boundary');
  return new TextEncoder().encode(`--${form[1] ?? form[2]}`);
}

/** @returns {number} the position of wanted in bytes at or after from, or -1 */
function find(bytes, wanted, from) {
  let at = from;
  for (;;) {
    at = bytes.indexOf(wanted[0], at);
    if (at === -1) return -1;
    let length = 1;
    while (length < wanted.length && bytes[at + length] === wanted[length]) length += 1;
    if (length === wanted.length) return at;
    at += 1;
  }
}

/** @returns {string} a parameter's value without its quotes; \" and \\ are the only escapes */
function unquoted(text) {
  return text.startsWith('"') ? text.slice(1, -1).replace(/\\(["\\])/g, '$1') : text;
}

/**
 * @param {string} headers of one part
 * @returns {{name: string, filename: string | null}} filename* is ignored: RFC 7578 forbids it
 */
function disposition(headers) {
  // Line by line: a name may contain U+2028 and U+2029, where "." and "$" of a regular expression
  // end.
  const form = /^Content-Disposition:[ \t]*form-data[ \t]*(;[^\r\n]*)$/i;
  const line = headers.split('\r\n').map((each) => form.exec(each)).find((match) => match !== null) ?? null;
  if (line === null) throw malformed('a part has no Content-Disposition');
  let name = null;
  let filename = null;
  // A backslash before anything except a quote or a backslash is a literal backslash.
  const parameter = /;[ \t]*([\w*-]+)=("(?:[^"\\]|\\["\\]|\\(?!["\\]))*"|[^\s;"]*)[ \t]*/gy;
  let end = 0;
  for (const [whole, key, value] of line[1].matchAll(parameter)) {
    if (key.toLowerCase() === 'name') name = unquoted(value);
    if (key.toLowerCase() === 'filename') filename = unquoted(value);
    end += whole.length;
  }
  if (end !== line[1].length || name === null) throw malformed('a Content-Disposition cannot be read');
  return { name, filename };
}

/**
 * @returns {number} the position after the headers of a part that begins here (after the empty
 *   line), or -1
 */
function endOfHeaders(bytes, from) {
  const at = find(bytes, [CR, LF, CR, LF], from);
  return at === -1 ? -1 : at + 4;
}

/**
 * @param {Uint8Array} bytes the body
 * @param {string} contentType with its boundary
 * @returns {Part[]}
 * @throws {ApiError} 400
 */
export function parts(bytes, contentType) {
  const delimiter = delimiterOf(contentType);
  const between = new Uint8Array([CR, LF, ...delimiter]);
  const found = [];
  let at = find(bytes, delimiter, 0);
  if (at !== 0 && find(bytes, between, 0) !== at - 2) throw malformed('the boundary does not occur');
  at += delimiter.length;
  while (bytes[at] !== DASH || bytes[at + 1] !== DASH) {
    while (bytes[at] === 32 || bytes[at] === 9) at += 1;
    if (bytes[at] !== CR || bytes[at + 1] !== LF) throw malformed('a boundary is not followed by a line end');
    const data = endOfHeaders(bytes, at);
    const end = data === -1 ? -1 : find(bytes, between, data - 2);
    if (end === -1) throw malformed('a part does not end');
    let headers;
    try {
      headers = decoder.decode(bytes.subarray(at + 2, data - 2));
    } catch {
      throw malformed('the headers of a part are not UTF-8');
    }
    found.push({ ...disposition(headers), bytes: bytes.subarray(data, Math.max(data, end)) });
    at = end + between.length;
  }
  return found;
}

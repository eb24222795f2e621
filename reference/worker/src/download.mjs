// `GET /api/files/{file_id}/download`: the uploaded bytes, complete, in part, or 304. Conditional
// and range requests by RFC 9110, sections 13 and 14.

import { audit } from './audit.mjs';
import { ApiError } from './errors.mjs';
import { missingObject, ownFile } from './files.mjs';

/** @param {string} filename @returns {string} Content-Disposition by RFC 6266 */
function attachment(filename) {
  const ascii = filename.replace(/[^\x20-\x7e]/gu, '_').replace(/["\\]/g, '\\$&');
  const extended = encodeURIComponent(filename).replace(/['()*]/g, (character) =>
    `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
  return `attachment; filename="${ascii}"; filename*=UTF-8''${extended}`;
}

/** @param {string | null} header If-None-Match @param {string} etag @returns {boolean} weak comparison */
function matches(header, etag) {
  if (header === null) return false;
  if (header.trim() === '*') return true;
  const tags = header.match(/(?:W\/)?"[^"]*"/g) ?? [];
  return tags.some((tag) => tag.replace(/^W\//, '') === etag);
}

/**
 * @param {string | null} header Range
 * @param {number} size of the object, in bytes
 * @returns {{offset: number, length: number} | 'unsatisfiable' | null} null for the whole file: no
 *   range, several ranges, or an invalid one
 */
function rangeOf(header, size) {
  const form = /^bytes=[ \t]*(\d*)-(\d*)[ \t]*$/i.exec(header ?? '');
  if (form === null || (form[1] === '' && form[2] === '')) return null;
  if (form[1] === '') {
    const length = Math.min(Number(form[2]), size);
    return length === 0 ? 'unsatisfiable' : { offset: size - length, length };
  }
  const offset = Number(form[1]);
  const last = form[2] === '' ? size - 1 : Number(form[2]);
  if (form[2] !== '' && last < offset) return null;
  if (offset >= size) return 'unsatisfiable';
  return { offset, length: Math.min(last, size - 1) - offset + 1 };
}

/** @param {import('./router.mjs').Call} call @returns {Promise<Response>} 200, 206, 304 or 416 */
export async function download(call) {
  const { request, env, user, params } = call;
  const file = await ownFile(call, params.file_id);
  // The simple case needs one request to R2. For the others, size and ETag must be known first.
  const isPlain = request.method === 'GET'
    && !request.headers.has('Range') && !request.headers.has('If-None-Match');
  const found = await (isPlain ? env.FILE_STORAGE.get(file.r2_key) : env.FILE_STORAGE.head(file.r2_key));
  if (found === null) throw await missingObject(call, file);
  const { size, httpEtag } = found;
  const headers = { ETag: httpEtag, 'Accept-Ranges': 'bytes' };
  if (matches(request.headers.get('If-None-Match'), httpEtag)) {
    return new Response(null, { status: 304, headers });
  }
  const condition = request.headers.get('If-Range');
  const asked = condition === null || condition === httpEtag ? request.headers.get('Range') : null;
  // Range is defined for GET only.
  const range = request.method === 'GET' ? rangeOf(asked, size) : null;
  if (range === 'unsatisfiable') {
    throw new ApiError(416, 'range_not_satisfiable', `The file has ${size} bytes.`, {
      headers: { 'Content-Range': `bytes */${size}`, 'Accept-Ranges': 'bytes' },
    });
  }
  headers['Content-Type'] = 'text/csv';
  headers['Content-Disposition'] = attachment(file.filename);
  headers['Content-Length'] = String(range ? range.length : size);
  if (range) headers['Content-Range'] = `bytes ${range.offset}-${range.offset + range.length - 1}/${size}`;
  const status = range ? 206 : 200;
  if (request.method === 'HEAD') return new Response(null, { status, headers });

  const options = { onlyIf: { etagMatches: found.etag }, ...(range && { range }) };
  const object = isPlain ? found : await env.FILE_STORAGE.get(file.r2_key, options);
  if (!object?.body) throw await missingObject(call, file);
  audit(call, { action: 'download', type: 'file', id: file.file_id, userId: user.id });
  return new Response(object.body, { status, headers });
}

// `POST /api/files/upload`: store one file in R2 and D1, or nothing at all.

import { json } from './answers.mjs';
import { auditStatement } from './audit.mjs';
import { ApiError, invalid } from './errors.mjs';
import { characters, mediaType, readBody } from './json_body.mjs';
import { fileData } from './files.mjs';
import { parts } from './multipart.mjs';
import { keyOf, nameFits, putObject } from './objects.mjs';
import { processUpload } from './processing.mjs';
import { now } from './times.mjs';

const DEFAULT_MAX_FILE_SIZE = 52_428_800;
// The part of a body that is not the file: boundaries, part headers, a few small other parts.
const ENVELOPE = 64 * 1024;
const EXTENSION = /\.(?:csv|tsv|txt)$/i;
const NAME_LENGTH = 255;
const MIME_TYPE = 'text/csv';

/**
 * Return the name as it was sent, without a path before it. Browsers and HTTP libraries write a
 * quote as %22 (WHATWG HTML, multipart/form-data); this is decoded, nothing else is.
 *
 * @param {string} sent
 * @returns {string}
 */
function nameOf(sent) {
  return sent.replaceAll('%22', '"').replace(/^.*[/\\]/s, '');
}

/** @returns {Promise<{filename: string, bytes: Uint8Array}>} @throws {ApiError} 400, 413 or 415 */
async function readFile({ request, env, user }) {
  if (mediaType(request) !== 'multipart/form-data') {
    throw new ApiError(415, 'unsupported_media_type', 'The body must be multipart/form-data.');
  }
  const limit = Number(env.MAX_FILE_SIZE) || DEFAULT_MAX_FILE_SIZE;
  const tooLarge = new ApiError(413, 'payload_too_large', `The file has more than ${limit} bytes.`);
  const body = await readBody(request, limit + ENVELOPE, tooLarge);
  const found = parts(body, request.headers.get('Content-Type')).filter(({ name }) => name === 'file');
  if (found.length !== 1) throw invalid({ file: ['One part named file is needed.'] });
  const [{ filename: sent, bytes }] = found;
  if (sent === null) throw invalid({ file: ['The part has no file name.'] });
  const filename = nameOf(sent);
  if (filename === '') throw invalid({ file: ['The file name is empty.'] });
  if (filename.includes('\0')) throw invalid({ file: ['NUL characters are not allowed in a file name.'] });
  if (characters(filename) > NAME_LENGTH || !nameFits(user.id, filename)) {
    throw invalid({ file: ['The file name is too long.'] });
  }
  if (!EXTENSION.test(filename)) {
    throw new ApiError(415, 'unsupported_media_type', 'Only .csv, .tsv and .txt files are accepted.');
  }
  if (bytes.byteLength > limit) throw tooLarge;
  if (bytes.byteLength === 0) throw invalid({ file: ['The file is empty.'] });
  return { filename, bytes };
}

/** @param {ArrayBuffer} buffer @returns {string} */
function hex(buffer) {
  return [...new Uint8Array(buffer)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** @param {import('./router.mjs').Call} call @returns {Promise<Response>} 201 */
export async function upload(call) {
  const { env, ctx } = call;
  const userId = call.user.id;
  const { filename, bytes } = await readFile(call);
  const fileId = crypto.randomUUID();
  const key = keyOf(userId, fileId);
  const sha256 = await crypto.subtle.digest('SHA-256', bytes);
  await putObject(env, { userId, fileId, filename, bytes, sha256 });
  const time = now();
  let row;
  try {
    const [inserted] = await env.DB.batch([
      env.DB.prepare(
        `INSERT INTO files (user_id, file_id, filename, original_filename, file_size, mime_type, r2_key,
           upload_status, tags, checksum, created_at, updated_at)
         VALUES (?1, ?2, ?3, ?3, ?4, ?5, ?6, 'processing', '[]', ?7, ?8, ?8)
         RETURNING *`,
      ).bind(userId, fileId, filename, bytes.byteLength, MIME_TYPE, key, hex(sha256), time),
      auditStatement(call, { action: 'upload', type: 'file', id: fileId, userId }),
    ]);
    [row] = inserted.results;
  } catch (error) {
    // The row does not exist, or this is unknown. An object without a row is an orphan.
    await env.DB.prepare('DELETE FROM files WHERE file_id = ?').bind(fileId).run().catch(() => {});
    await env.FILE_STORAGE.delete(key);
    throw error;
  }
  const processed = processUpload(env, fileId, key);
  ctx.waitUntil(processed.catch((error) => console.error(`the outcome of ${fileId} was not stored:`, error)));
  return json({ success: true, file: fileData(row) }, 201);
}

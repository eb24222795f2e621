// The files of a user: list, data of one, columns, tags, delete. Upload, download and export have
// their own modules.

import { json, noContent } from './answers.mjs';
import { auditStatement } from './audit.mjs';
import { invalid, notFound } from './errors.mjs';
import { characters, readObject, textProblem } from './json_body.mjs';
import { shapeOf } from './list_file.mjs';
import { readable } from './processing.mjs';
import { now, shown } from './times.mjs';

const FILE_ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const TAGS = 50;
const TAG_LENGTH = 64;
// String.trim keeps U+0085 and removes U+FEFF, which is not white space.
const WHITE_SPACE_AROUND = /^\p{White_Space}+|\p{White_Space}+$/gu;

/** @typedef {import('./router.mjs').Call} Call */

/** @returns {string[]} */
function tagsOf(stored) {
  if (stored === null) return [];
  const tags = JSON.parse(stored);
  if (!Array.isArray(tags)) throw new Error('tags of a file are not a list');
  return tags;
}

/** @param {Record<string, any>} row of files @returns {Record<string, unknown>} as the API shows it */
export function fileData(row) {
  return {
    file_id: row.file_id,
    filename: row.filename,
    original_filename: row.original_filename,
    file_size: row.file_size,
    mime_type: row.mime_type,
    tags: tagsOf(row.tags),
    upload_status: row.upload_status,
    processing_error: row.processing_error,
    row_count: row.row_count,
    column_count: row.column_count,
    checksum: row.checksum,
    created_at: shown(row.created_at),
    updated_at: shown(row.updated_at),
    processed_at: shown(row.processed_at),
  };
}

/**
 * @param {Call} call
 * @param {unknown} fileId
 * @returns {Promise<Record<string, any>>} the row
 * @throws {import('./errors.mjs').ApiError} 404 if it does not exist or belongs to another user
 */
export async function ownFile({ env, user }, fileId) {
  const row = FILE_ID.test(fileId)
    ? await env.DB.prepare('SELECT * FROM files WHERE file_id = ? AND user_id = ?')
      .bind(fileId, user.id)
      .first()
    : null;
  if (row === null) throw notFound('There is no such file.');
  return row;
}

/**
 * Return the error for a file without an object in R2: 404 if the file was deleted concurrently,
 * otherwise an internal error.
 *
 * @param {Call} call
 * @param {Record<string, any>} file
 * @returns {Promise<Error>}
 */
export async function missingObject(call, file) {
  try {
    await ownFile(call, file.file_id);
  } catch (error) {
    return error;
  }
  return new Error(`R2 has no object for file ${file.file_id}`);
}

/** @param {Call} call @param {Record<string, any>} file @returns {Promise<Uint8Array>} */
export async function contentOf(call, file) {
  const object = await call.env.FILE_STORAGE.get(file.r2_key);
  if (object === null) throw await missingObject(call, file);
  return new Uint8Array(await object.arrayBuffer());
}

/** @param {Call} call @returns {Promise<Response>} */
export async function listFiles({ env, user }) {
  const { results } = await env.DB.prepare(
    'SELECT * FROM files WHERE user_id = ? ORDER BY created_at DESC, id DESC',
  ).bind(user.id).all();
  return json({ files: results.map(fileData), total: results.length });
}

/** @param {Call} call @returns {Promise<Response>} */
export async function file(call) {
  return json({ file: fileData(await ownFile(call, call.params.file_id)) });
}

/** @param {Call} call @returns {Promise<Response>} */
export async function columns(call) {
  const row = await ownFile(call, call.params.file_id);
  const bytes = await contentOf(call, row);
  return json(readable(() => shapeOf(bytes)));
}

/** @param {unknown} value @returns {string[]} @throws {import('./errors.mjs').ApiError} 400 */
function readTags(value) {
  if (!Array.isArray(value)) throw invalid({ tags: ['A list of texts is needed.'] });
  const tags = value.map((tag) => {
    const problem = textProblem(tag);
    if (problem) throw invalid({ tags: [problem] });
    const trimmed = tag.replace(WHITE_SPACE_AROUND, '');
    const length = characters(trimmed);
    if (length < 1 || length > TAG_LENGTH) {
      throw invalid({ tags: [`A tag has between 1 and ${TAG_LENGTH} characters.`] });
    }
    return trimmed;
  });
  const distinct = [...new Set(tags)];
  if (distinct.length > TAGS) throw invalid({ tags: [`At most ${TAGS} tags are allowed.`] });
  return distinct;
}

/** @param {Call} call @returns {Promise<Response>} */
export async function replaceTags(call) {
  const { request, env, user, params } = call;
  const { file_id: fileId } = await ownFile(call, params.file_id);
  const { tags } = await readObject(request);
  const text = JSON.stringify(readTags(tags));
  const [updated] = await env.DB.batch([
    env.DB.prepare('UPDATE files SET tags = ?, updated_at = ? WHERE file_id = ? RETURNING *')
      .bind(text, now(), fileId),
    auditStatement(call, { action: 'tags', type: 'file', id: fileId, userId: user.id }),
  ]);
  if (updated.results.length === 0) throw notFound('There is no such file.');
  return json({ file: fileData(updated.results[0]) });
}

/** @param {Call} call @returns {Promise<Response>} 204 */
export async function deleteFile(call) {
  const { env, user, params } = call;
  const { file_id: fileId, r2_key: key } = await ownFile(call, params.file_id);
  // The object first: if that fails, the row still exists and the client can try again.
  await env.FILE_STORAGE.delete(key);
  const [, deleted] = await env.DB.batch([
    env.DB.prepare('DELETE FROM saved_filters WHERE file_id = ?').bind(fileId),
    env.DB.prepare('DELETE FROM files WHERE file_id = ? RETURNING file_id').bind(fileId),
    auditStatement(call, { action: 'delete', type: 'file', id: fileId, userId: user.id }),
  ]);
  if (deleted.results.length === 0) throw notFound('There is no such file.');
  return noContent();
}

// Compute a file's derived columns after its upload, and report a malformed file.

import { invalid } from './errors.mjs';
import { MalformedFile, shapeOf } from './list_file.mjs';
import { now } from './times.mjs';

// A D1 row holds 2 MB in total: longer metadata is omitted so that the counts can be stored.
const METADATA_LIMIT = 1_000_000;

/**
 * @template T
 * @param {() => T} read
 * @returns {T}
 * @throws {import('./errors.mjs').ApiError} 400 if the file is malformed
 */
export function readable(read) {
  try {
    return read();
  } catch (error) {
    if (error instanceof MalformedFile) throw invalid({ file: [error.message] });
    throw error;
  }
}

/** @param {string[]} columns @returns {string | null} JSON: name and position of each, from 0 */
function metadataOf(columns) {
  const text = JSON.stringify(columns.map((name, position) => ({ name, position })));
  return new TextEncoder().encode(text).length <= METADATA_LIMIT ? text : null;
}

/**
 * Read the object back from R2, so that the stored bytes are counted, and complete the row.
 *
 * @param {{DB: D1Database, FILE_STORAGE: R2Bucket}} env
 * @param {string} fileId
 * @param {string} key in R2
 */
export async function processUpload(env, fileId, key) {
  let outcome;
  try {
    const object = await env.FILE_STORAGE.get(key);
    if (object === null) return; // deleted concurrently, together with its row
    const shape = shapeOf(new Uint8Array(await object.arrayBuffer()));
    const counts = [shape.row_count, shape.column_count, metadataOf(shape.columns)];
    outcome = ['completed', null, ...counts];
  } catch (error) {
    const known = error instanceof MalformedFile;
    if (!known) console.error(`processing of ${fileId}:`, error);
    outcome = ['error', known ? error.message : 'The file could not be read.', null, null, null];
  }
  const time = now();
  await env.DB.prepare(
    `UPDATE files SET upload_status = ?, processing_error = ?, row_count = ?, column_count = ?,
       columns_metadata = ?, processed_at = ?, updated_at = ?
     WHERE file_id = ?`,
  ).bind(...outcome, time, time, fileId).run();
}

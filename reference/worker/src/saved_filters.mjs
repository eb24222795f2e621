// Saved filters: columns and filters for one file under a name. They are stored, not executed.

import { json, noContent } from './answers.mjs';
import { audit } from './audit.mjs';
import { invalid, notFound } from './errors.mjs';
import { characters, isObject, parseJson, readObject, textProblem } from './json_body.mjs';
import { ownFile } from './files.mjs';
import { readColumns, readFilters } from './row_filter.mjs';
import { now, shown } from './times.mjs';

const NAME_LENGTH = 255;
const DESCRIPTION_LENGTH = 4000;

/** @typedef {import('./router.mjs').Call} Call */

/** @param {Record<string, any>} row of saved_filters @returns {Record<string, unknown>} */
function filterData(row) {
  return {
    id: row.id,
    file_id: row.file_id,
    name: row.name,
    description: row.description,
    filter_config: parseJson(row.filter_config),
    result_count: row.result_count,
    is_public: row.is_public === 1,
    created_at: shown(row.created_at),
    updated_at: shown(row.updated_at),
  };
}

/** @param {string} text of the path @returns {number} @throws {import('./errors.mjs').ApiError} 404 */
function filterId(text) {
  const id = /^[1-9]\d{0,15}$/.test(text) ? Number(text) : NaN;
  if (!Number.isSafeInteger(id)) throw notFound('There is no such filter.');
  return id;
}

/** @param {unknown} value @returns {string} JSON of its known fields, numbers as they were sent */
function readConfig(value) {
  if (!isObject(value)) throw invalid({ filter_config: ['An object with columns and filters is needed.'] });
  const { columns, filters } = value;
  readColumns(columns);
  readFilters(filters);
  return JSON.stringify({ columns, filters });
}

/** @param {Call} call @returns {Promise<Response>} */
export async function listFilters({ env, user }) {
  const { results } = await env.DB.prepare(
    'SELECT * FROM saved_filters WHERE user_id = ? ORDER BY created_at DESC, id DESC',
  ).bind(user.id).all();
  return json({ filters: results.map(filterData), total: results.length });
}

/** @param {Record<string, unknown>} body @throws {import('./errors.mjs').ApiError} 400 */
function checkTexts({ name, description, file_id: fileId, is_public: isPublic }) {
  const fields = {};
  const named = textProblem(name);
  if (named) fields.name = [named];
  else if (name.trim() === '' || characters(name) > NAME_LENGTH) {
    fields.name = [`Between 1 and ${NAME_LENGTH} characters are needed.`];
  }
  if (description !== undefined && description !== null) {
    const problem = textProblem(description);
    if (problem) fields.description = [problem];
    else if (characters(description) > DESCRIPTION_LENGTH) {
      fields.description = [`At most ${DESCRIPTION_LENGTH} characters are allowed.`];
    }
  }
  const file = textProblem(fileId);
  if (file) fields.file_id = [file];
  if (isPublic !== undefined && typeof isPublic !== 'boolean') fields.is_public = ['Not true or false.'];
  if (Object.keys(fields).length > 0) throw invalid(fields);
}

/** @param {Call} call @returns {Promise<Response>} 201 */
export async function createFilter(call) {
  const { request, env, user } = call;
  const body = await readObject(request);
  checkTexts(body);
  const config = readConfig(body.filter_config);
  const { file_id: fileId } = await ownFile(call, body.file_id);
  let row;
  try {
    row = await env.DB.prepare(
      `INSERT INTO saved_filters
         (user_id, file_id, name, description, filter_config, is_public, created_at, updated_at)
       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7)
       RETURNING *`,
    ).bind(
      user.id, fileId, body.name, body.description ?? null, config, body.is_public ? 1 : 0, now(),
    ).first();
  } catch (error) {
    // The file was deleted concurrently.
    if (/FOREIGN KEY constraint failed/.test(error.message)) throw notFound('There is no such file.');
    throw error;
  }
  audit(call, { action: 'create_filter', type: 'filter', id: row.id, userId: user.id });
  return json({ filter: filterData(row) }, 201);
}

/** @param {Call} call @returns {Promise<Response>} */
export async function filter({ env, user, params }) {
  const row = await env.DB.prepare(
    'SELECT * FROM saved_filters WHERE id = ? AND (user_id = ? OR is_public = 1)',
  ).bind(filterId(params.filter_id), user.id).first();
  if (row === null) throw notFound('There is no such filter.');
  return json({ filter: filterData(row) });
}

/** @param {Call} call @returns {Promise<Response>} 204 */
export async function deleteFilter(call) {
  const { env, user, params } = call;
  const id = filterId(params.filter_id);
  const { results } = await env.DB.prepare(
    'DELETE FROM saved_filters WHERE id = ? AND user_id = ? RETURNING id',
  ).bind(id, user.id).all();
  if (results.length === 0) throw notFound('There is no such filter.');
  audit(call, { action: 'delete_filter', type: 'filter', id, userId: user.id });
  return noContent();
}

// The table of routes: path and method of each operation. Everything else is refused here.

import { bearer, deleteAccount, login, logout, refresh, register, user } from './accounts.mjs';
import { isPreflight, preflightAnswer } from './cors.mjs';
import { download } from './download.mjs';
import { ApiError, notFound } from './errors.mjs';
import { exportFile } from './export.mjs';
import { columns, deleteFile, file, listFiles, replaceTags } from './files.mjs';
import { frontEnd } from './front_end.mjs';
import { health } from './health.mjs';
import { metrics } from './metrics.mjs';
import { createFilter, deleteFilter, filter, listFilters } from './saved_filters.mjs';
import { upload } from './upload.mjs';

/**
 * A request and the data that every operation gets. user and claims exist for operations that need
 * an account.
 *
 * @typedef {{request: Request, url: URL, env: Record<string, any>, ctx: ExecutionContext, params:
 *   Record<string, string>, user?: import('./accounts.mjs').User, claims?:
 *   import('./tokens.mjs').Claims}} Call
 */

const open = (run) => ({ run, account: false });
const own = (run) => ({ run, account: true });

const ROUTES = [
  ['/health', { GET: open(health) }],
  ['/metrics', { GET: open(metrics) }],
  ['/api/accounts/register', { POST: open(register) }],
  ['/api/accounts/login', { POST: open(login) }],
  ['/api/accounts/token/refresh', { POST: open(refresh) }],
  ['/api/accounts/user', { GET: own(user), DELETE: own(deleteAccount) }],
  ['/api/accounts/logout', { POST: own(logout) }],
  ['/api/files', { GET: own(listFiles) }],
  ['/api/files/upload', { POST: own(upload) }],
  ['/api/files/{file_id}', { GET: own(file), DELETE: own(deleteFile) }],
  ['/api/files/{file_id}/download', { GET: own(download) }],
  ['/api/files/{file_id}/tags', { PATCH: own(replaceTags) }],
  ['/api/files/{file_id}/columns', { GET: own(columns) }],
  ['/api/files/{file_id}/export', { POST: own(exportFile) }],
  ['/api/filters', { GET: own(listFilters), POST: own(createFilter) }],
  ['/api/filters/{filter_id}', { GET: own(filter), DELETE: own(deleteFilter) }],
].map(([path, methods]) => ({
  pattern: new RegExp(`^${path.replace(/\{(\w+)\}/g, '(?<$1>[^/]+)')}$`),
  methods,
}));

/** @param {Record<string, object>} methods of a route @returns {string[]} with HEAD if GET is among them */
function allowed(methods) {
  return Object.keys(methods).flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method]));
}

/** @param {Record<string, string>} groups @returns {Record<string, string>} */
function decoded(groups) {
  try {
    return Object.fromEntries(
      Object.entries(groups).map(([name, value]) => [name, decodeURIComponent(value)]),
    );
  } catch {
    throw notFound();
  }
}

/**
 * @param {Omit<Call, 'params'>} call
 * @returns {Promise<Response>}
 * @throws {ApiError}
 */
export async function route(call) {
  const { request, url, env } = call;
  for (const { pattern, methods } of ROUTES) {
    const match = pattern.exec(url.pathname);
    if (match === null) continue;
    if (isPreflight(request) && url.pathname.startsWith('/api/')) return preflightAnswer(allowed(methods));
    const operation = methods[request.method === 'HEAD' ? 'GET' : request.method];
    if (operation === undefined) {
      throw new ApiError(405, 'method_not_allowed', `${request.method} is not allowed here.`, {
        headers: { Allow: allowed(methods).join(', ') },
      });
    }
    const account = operation.account ? await bearer(request, env) : {};
    return operation.run({ ...call, ...account, params: decoded(match.groups ?? {}) });
  }
  return frontEnd({ ...call, params: {} });
}

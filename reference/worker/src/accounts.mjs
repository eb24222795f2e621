// Accounts: register, login, refresh, user, logout, delete_account, and the account of a bearer
// token.

import { json, noContent } from './answers.mjs';
import { audit, auditStatement } from './audit.mjs';
import { ApiError, invalid, unauthorized } from './errors.mjs';
import { characters, readObject, requireTexts, textProblem } from './json_body.mjs';
import { hashPassword, verifyPassword } from './passwords.mjs';
import { removeObjectsOf } from './objects.mjs';
import { isRevoked, issueToken, lifetime, readToken, revoke } from './tokens.mjs';
import { now, shown } from './times.mjs';

const COLUMNS = 'id, username, email, password, is_active, created_at';
const USERNAME = /^[\p{L}\p{N}@.+\-_]+$/u;
// As Django's EmailValidator, but without quoted local parts and address literals.
const ATOM = String.raw`[-!#$%&'*+/=?^_\x60{}|~\w]+`;
const LABEL = String.raw`[a-zA-Z\d\u00a1-\uffff](?:[a-zA-Z\d\u00a1-\uffff-]{0,61}[a-zA-Z\d\u00a1-\uffff])?`;
const TOP_LABEL = String.raw`[a-zA-Z\d\u00a1-\uffff-]{2,63}(?<!-)`;
const DOMAIN = String.raw`(?:(?:${LABEL}\.)+${TOP_LABEL}|localhost)`;
const EMAIL = new RegExp(String.raw`^${ATOM}(?:\.${ATOM})*@${DOMAIN}$`);
const EMAIL_LENGTH = 254; // RFC 3696, erratum 1690
// SQLite's lower() converts only ASCII letters. Other letters occur in domains, mostly all lower or
// all upper case. ?2 is the e-mail, ?3 and ?4 are the same in lower and upper case.
const SAME_EMAIL = 'lower(email) IN (lower(?2), lower(?3), lower(?4))';
const TAKEN = {
  username: 'A user with that username already exists.',
  email: 'A user with that e-mail address already exists.',
};

/** @typedef {import('./router.mjs').Call} Call */
/** @typedef {{id: number, username: string, email: string | null, password: string, is_active: number,
 *   created_at: string}} User */

/** @param {User} user */
function userData({ id, username, email, created_at: createdAt }) {
  return { id, username, email, created_at: shown(createdAt) };
}

/** @param {User} user @param {Record<string, any>} env */
async function session(user, env) {
  const [accessToken, refreshToken] = await Promise.all([
    issueToken('access', user.id, env),
    issueToken('refresh', user.id, env),
  ]);
  return {
    user: userData(user),
    access_token: accessToken,
    refresh_token: refreshToken,
    token_type: 'Bearer',
    expires_in: lifetime('access', env),
  };
}

/**
 * Return the account of a token.
 *
 * @param {import('./tokens.mjs').TokenType} type
 * @param {string} token
 * @param {Record<string, any>} env
 * @returns {Promise<{user: User, claims: import('./tokens.mjs').Claims}>}
 * @throws {ApiError} 401
 */
async function accountOf(type, token, env) {
  const claims = await readToken(type, token, env);
  if (claims === null) throw unauthorized('The token is not valid.');
  const [revoked, user] = await Promise.all([
    isRevoked(claims, env),
    env.DB.prepare(`SELECT ${COLUMNS} FROM users WHERE id = ?`).bind(Number(claims.sub)).first(),
  ]);
  if (revoked || user === null || user.is_active !== 1) throw unauthorized('The token is not valid.');
  return { user, claims };
}

/**
 * @param {Request} request
 * @param {Record<string, any>} env
 * @returns {ReturnType<typeof accountOf>}
 * @throws {ApiError} 401
 */
export function bearer(request, env) {
  const form = /^Bearer +([^\s]+)$/i.exec(request.headers.get('Authorization') ?? '');
  if (form === null) throw unauthorized('An access token is required.');
  return accountOf('access', form[1], env);
}

/** @param {Record<string, unknown>} body @returns {Record<string, string[]>} by field */
function registrationProblems({ username, email, password, password2 }) {
  const fields = {};
  const report = (name, value, checks) => {
    const problem = textProblem(value) ?? checks.find(([fits]) => !fits(value))?.[1];
    if (problem) fields[name] = [problem];
  };
  const between = (low, high) => (text) => characters(text) >= low && characters(text) <= high;
  report('username', username, [
    [between(3, 150), 'Between 3 and 150 characters are needed.'],
    [(text) => USERNAME.test(text), 'Only letters, digits and @.+-_ are allowed.'],
  ]);
  report('email', email, [
    [(text) => EMAIL.test(text) && text.length <= EMAIL_LENGTH, 'Not an e-mail address.'],
  ]);
  report('password', password, [[between(8, Infinity), 'At least 8 characters are needed.']]);
  report('password2', password2, [[(text) => text === password, 'The two passwords differ.']]);
  return fields;
}

/** @param {Call} call @returns {Promise<Response>} 201 */
export async function register(call) {
  const { request, env } = call;
  const body = await readObject(request);
  const problems = registrationProblems(body);
  if (Object.keys(problems).length > 0) throw invalid(problems);
  const { username, email, password } = body;

  const taken = await env.DB.prepare(
    `SELECT username = ?1 AS by_name FROM users WHERE username = ?1 OR ${SAME_EMAIL}`,
  ).bind(username, email, email.toLowerCase(), email.toUpperCase()).all();
  if (taken.results.length > 0) {
    const field = taken.results.some((row) => row.by_name === 1) ? 'username' : 'email';
    throw invalid({ [field]: [TAKEN[field]] });
  }
  const hash = await hashPassword(password, env);
  // Two concurrent registrations both get this far: one statement decides.
  let user;
  try {
    user = await env.DB.prepare(
      `INSERT INTO users (username, email, password, created_at, updated_at)
       SELECT ?1, ?2, ?5, ?6, ?6
       WHERE NOT EXISTS (SELECT 1 FROM users WHERE ${SAME_EMAIL})
       RETURNING ${COLUMNS}`,
    ).bind(username, email, email.toLowerCase(), email.toUpperCase(), hash, now()).first();
  } catch (error) {
    if (!/UNIQUE constraint failed: users\.(?:username|email)/.test(error.message)) throw error;
    const field = error.message.includes('users.username') ? 'username' : 'email';
    throw invalid({ [field]: [TAKEN[field]] });
  }
  if (user === null) throw invalid({ email: [TAKEN.email] });
  audit(call, { action: 'register', type: 'user', id: user.id, userId: user.id });
  return json(await session(user, env), 201);
}

/** @param {Call} call @returns {Promise<Response>} */
export async function login(call) {
  const { request, env } = call;
  const body = await readObject(request);
  // An empty password is a wrong password, not a malformed request.
  requireTexts(body, ['username', 'password'], { empty: true });
  const user = await env.DB.prepare(`SELECT ${COLUMNS} FROM users WHERE username = ?`)
    .bind(body.username)
    .first();
  const genuine = await verifyPassword(body.password, user?.password ?? null, env);
  if (!genuine || user.is_active !== 1) {
    audit(call, { action: 'login_failed', type: 'user', id: user?.id ?? null, userId: user?.id ?? null });
    throw unauthorized('The username or the password is wrong.');
  }
  await env.DB.batch([
    env.DB.prepare('UPDATE users SET last_login = ? WHERE id = ?').bind(now(), user.id),
    auditStatement(call, { action: 'login', type: 'user', id: user.id, userId: user.id }),
  ]);
  return json(await session(user, env));
}

/** @param {Call} call @returns {Promise<Response>} */
export async function refresh({ request, env }) {
  const body = await readObject(request);
  requireTexts(body, ['refresh_token']);
  const { user } = await accountOf('refresh', body.refresh_token, env);
  return json({
    access_token: await issueToken('access', user.id, env),
    token_type: 'Bearer',
    expires_in: lifetime('access', env),
  });
}

/** @param {Call} call @returns {Response} */
export function user(call) {
  return json(userData(call.user));
}

/** @param {Call} call @returns {Promise<Response>} 204 */
export async function logout(call) {
  const { request, env } = call;
  const body = await readObject(request);
  requireTexts(body, ['refresh_token']);
  const other = await accountOf('refresh', body.refresh_token, env);
  if (other.user.id !== call.user.id) throw unauthorized('The refresh token is not valid.');
  await Promise.all([revoke(call.claims, env), revoke(other.claims, env)]);
  audit(call, { action: 'logout', type: 'user', id: call.user.id, userId: call.user.id });
  return noContent();
}

/** @param {Call} call @returns {Promise<Response>} 204 */
export async function deleteAccount(call) {
  const { request, env } = call;
  const { id, password } = call.user;
  const body = await readObject(request);
  requireTexts(body, ['password'], { empty: true });
  if (!(await verifyPassword(body.password, password, env))) {
    throw new ApiError(403, 'wrong_password', 'The password is wrong.');
  }
  // Objects first: if that fails, the account still exists and the client can try again. The row in
  // audit_logs is written before the account is deleted, which sets its user_id to NULL;
  // resource_id still has the id.
  await removeObjectsOf(id, env);
  await env.DB.batch([
    auditStatement(call, { action: 'delete_account', type: 'user', id, userId: id }),
    env.DB.prepare(
      `DELETE FROM saved_filters
       WHERE user_id = ?1 OR file_id IN (SELECT file_id FROM files WHERE user_id = ?1)`,
    ).bind(id),
    env.DB.prepare('DELETE FROM files WHERE user_id = ?').bind(id),
    env.DB.prepare('DELETE FROM users WHERE id = ?').bind(id),
  ]);
  // Removes an object that a concurrent upload stored in between. A later upload finds no account.
  await removeObjectsOf(id, env);
  return noContent();
}

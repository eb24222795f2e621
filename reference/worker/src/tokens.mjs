// Access and refresh tokens: JWTs signed with HS256 (RFC 7519, RFC 7515), and their revocation in
// KV. accounts.mjs checks that the account of a token still exists.

const DEFAULT_TTL_S = { access: 900, refresh: 604_800 };
const SECRET = { access: 'JWT_SECRET', refresh: 'JWT_REFRESH_SECRET' };
const TTL = { access: 'ACCESS_TTL', refresh: 'REFRESH_TTL' };
const LENGTH_LIMIT = 4096;

// KV refuses a shorter lifetime.
const KV_MINIMUM_TTL_S = 60;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });
const keys = new Map();

/** @typedef {'access' | 'refresh'} TokenType */
/** @typedef {{iss: string, aud: string, sub: string, jti: string, iat: number, exp: number,
 *   type: TokenType}} Claims */

function base64url(bytes) {
  return btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

function fromBase64url(text) {
  const bytes = Uint8Array.from(
    atob(text.replaceAll('-', '+').replaceAll('_', '/')),
    (character) => character.charCodeAt(0),
  );
  // atob accepts several spellings of the last byte. Only the one that this Worker writes is valid.
  if (base64url(bytes) !== text) throw new Error('not base64url');
  return bytes;
}

/** @returns {Promise<CryptoKey>} */
function keyOf(type, env) {
  const secret = env[SECRET[type]];
  if (!secret) throw new Error(`${SECRET[type]} is not set`);
  if (!keys.has(secret)) {
    const usages = ['sign', 'verify'];
    const algorithm = { name: 'HMAC', hash: 'SHA-256' };
    keys.set(secret, crypto.subtle.importKey('raw', encoder.encode(secret), algorithm, false, usages));
  }
  return keys.get(secret);
}

/** @param {TokenType} type @param {Record<string, string>} env @returns {number} seconds */
export function lifetime(type, env) {
  return Number(env[TTL[type]]) || DEFAULT_TTL_S[type];
}

/**
 * @param {TokenType} type
 * @param {number} userId
 * @param {Record<string, any>} env
 * @returns {Promise<string>}
 */
export async function issueToken(type, userId, env) {
  const iat = Math.floor(Date.now() / 1000);
  const claims = {
    iss: env.JWT_ISSUER,
    aud: env.JWT_AUDIENCE,
    sub: String(userId),
    jti: crypto.randomUUID(),
    iat,
    exp: iat + lifetime(type, env),
    type,
  };
  const parts = [{ alg: 'HS256', typ: 'JWT' }, claims];
  const signed = parts.map((part) => base64url(encoder.encode(JSON.stringify(part)))).join('.');
  const signature = await crypto.subtle.sign('HMAC', await keyOf(type, env), encoder.encode(signed));
  return `${signed}.${base64url(new Uint8Array(signature))}`;
}

/** @returns {Claims | null} */
function claimsOf(header, payload, type, env) {
  const { alg, crit } = JSON.parse(decoder.decode(fromBase64url(header)));
  const claims = JSON.parse(decoder.decode(fromBase64url(payload)));
  const time = Date.now() / 1000;
  const fits =
    alg === 'HS256' &&
    crit === undefined && // extensions that must be understood; none is supported (RFC 7515, 4.1.11)
    claims.type === type &&
    claims.iss === env.JWT_ISSUER &&
    claims.aud === env.JWT_AUDIENCE &&
    Number.isInteger(claims.exp) &&
    claims.exp > time &&
    (claims.nbf === undefined || (Number.isFinite(claims.nbf) && claims.nbf <= time)) &&
    typeof claims.jti === 'string' &&
    /^[\w-]{1,64}$/.test(claims.jti) &&
    typeof claims.sub === 'string' &&
    /^[1-9]\d{0,14}$/.test(claims.sub);
  return fits ? claims : null;
}

/**
 * @param {TokenType} type that the token must have
 * @param {string} token
 * @param {Record<string, any>} env
 * @returns {Promise<Claims | null>} null for a token that is not ours, expired, or of the other
 *   type; revocation is not checked here
 */
export async function readToken(type, token, env) {
  const parts = token.length <= LENGTH_LIMIT ? token.split('.') : [];
  if (parts.length !== 3) return null;
  const [header, payload, signature] = parts;
  let claims;
  let signatureBytes;
  try {
    claims = claimsOf(header, payload, type, env);
    signatureBytes = fromBase64url(signature);
  } catch {
    return null;
  }
  const signed = encoder.encode(`${header}.${payload}`);
  const genuine = await crypto.subtle.verify('HMAC', await keyOf(type, env), signatureBytes, signed);
  return genuine ? claims : null;
}

/** @param {Claims} claims @param {{AUTH_TOKENS: KVNamespace}} env @returns {Promise<boolean>} */
export async function isRevoked(claims, env) {
  return (await env.AUTH_TOKENS.get(`revoked:${claims.jti}`)) !== null;
}

/**
 * Refuse the token from now on. KV may take a minute until every location of Cloudflare knows.
 *
 * @param {Claims} claims
 * @param {{AUTH_TOKENS: KVNamespace}} env
 */
export async function revoke(claims, env) {
  const left = claims.exp - Math.floor(Date.now() / 1000);
  const expirationTtl = Math.max(left, KV_MINIMUM_TTL_S);
  await env.AUTH_TOKENS.put(`revoked:${claims.jti}`, '1', { expirationTtl });
}

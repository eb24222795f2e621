// The bearer token of a request, for faults in its verification: read it, sign it again, send it
// on. A token without a valid signature counts as missing here. The application checks all other
// rules.

const encoder = new TextEncoder();

function base64url(bytes) {
  return btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

/**
 * @returns {unknown} the JSON in a part of a token @throws if there is none, or if it is encoded in
 *   another way
 */
function read(part) {
  const text = atob(part.replaceAll('-', '+').replaceAll('_', '/'));
  const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0));
  if (base64url(bytes) !== part) throw new Error('not base64url');
  return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
}

/** @param {string} text @param {string} secret @returns {Promise<string>} HS256 */
export async function signatureOf(text, secret) {
  const algorithm = { name: 'HMAC', hash: 'SHA-256' };
  const key = await crypto.subtle.importKey('raw', encoder.encode(secret), algorithm, false, ['sign']);
  return base64url(new Uint8Array(await crypto.subtle.sign('HMAC', key, encoder.encode(text))));
}

/** @param {Request} request @returns {string | null} */
function tokenOf(request) {
  return /^Bearer +([^\s]+)$/i.exec(request.headers.get('Authorization') ?? '')?.[1] ?? null;
}

/** @param {Request} request @returns {string | null} the id of its bearer token, verified or not */
export function tokenId(request) {
  try {
    return read(tokenOf(request).split('.')[1]).jti;
  } catch {
    return null;
  }
}

/**
 * @param {Request} request
 * @returns {{header: Record<string, any>, claims: Record<string, any>, signed: string, signature: string}
 *   | null} its bearer token, verified or not
 */
export function partsOf(request) {
  try {
    const [header, payload, signature, ...more] = tokenOf(request).split('.');
    if (signature === undefined || more.length > 0) return null;
    return { header: read(header), claims: read(payload), signed: `${header}.${payload}`, signature };
  } catch {
    return null;
  }
}

/**
 * @param {Request} request
 * @param {string} secret
 * @returns {Promise<Record<string, any> | null>} the claims of its bearer token, if it is signed
 *   with this secret
 */
export async function claimsOf(request, secret) {
  try {
    const [header, payload, signature, ...more] = tokenOf(request).split('.');
    const genuine = signature === (await signatureOf(`${header}.${payload}`, secret));
    return genuine && more.length === 0 && read(header).alg === 'HS256' ? read(payload) : null;
  } catch {
    return null;
  }
}

/**
 * @param {{request: Request, env: Record<string, any>}} call
 * @returns {Promise<number | null>} the user of its access token; only the signature is checked
 */
export async function userIdOf({ request, env }) {
  return Number((await claimsOf(request, env.JWT_SECRET))?.sub) || null;
}

/** @param {Record<string, any>} claims @param {string} secret @returns {Promise<string>} */
async function tokenFor(claims, secret) {
  const parts = [{ alg: 'HS256', typ: 'JWT' }, claims];
  const text = parts.map((part) => base64url(encoder.encode(JSON.stringify(part)))).join('.');
  return `${text}.${await signatureOf(text, secret)}`;
}

/** @param {Request} request @param {string} value @returns {Request} with another Authorization */
function withAuthorization(request, value) {
  const headers = new Headers(request.headers);
  headers.set('Authorization', value);
  return new Request(request, { headers });
}

/**
 * @param {Request} request
 * @param {Record<string, any>} claims
 * @param {string} secret
 * @returns {Promise<Request>} the same request with a bearer token of these claims
 */
export async function withClaims(request, claims, secret) {
  return withAuthorization(request, `Bearer ${await tokenFor(claims, secret)}`);
}

/**
 * Replace a token that the application would refuse by one that it accepts. The control sends the
 * original token.
 *
 * @param {import('./wrapper.mjs').Call} call
 * @param {Record<string, any>} claims
 * @returns {Promise<Request>}
 */
export async function honoured({ request, env, planted }, claims) {
  const accepted = `Bearer ${await tokenFor(claims, env.JWT_SECRET)}`;
  return withAuthorization(request, planted ? accepted : request.headers.get('Authorization'));
}

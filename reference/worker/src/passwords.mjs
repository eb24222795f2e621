// Passwords in Django's format, `pbkdf2_sha256$ITERATIONS$SALT$HASH`, so that migrated ones keep
// working. Django's other algorithms are not verified here.

import { equalSecrets } from './constant_time.mjs';

/**
 * Cloudflare's runtime refuses PBKDF2 above 100,000 iterations with a NotSupportedError (workerd
 * issue 1346); local workerd does not. The limit is enforced here, so that a hash that would lock
 * its owner out in production does so here too. Django's own default is 870,000 and more.
 */
export const MAX_ITERATIONS = 100_000;

const DEFAULT_ITERATIONS = 100_000;
const SALT_ALPHABET = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';
const SALT_LENGTH = 22;
const HASH_BITS = 256;

const encoder = new TextEncoder();

/** @returns {Promise<Uint8Array>} */
async function derive(password, salt, iterations) {
  if (iterations > MAX_ITERATIONS) {
    throw new DOMException(
      `Pbkdf2 failed: iteration counts above ${MAX_ITERATIONS} are not supported (requested ${iterations}).`,
      'NotSupportedError',
    );
  }
  const key = await crypto.subtle.importKey('raw', encoder.encode(password), 'PBKDF2', false, ['deriveBits']);
  const parameters = { name: 'PBKDF2', hash: 'SHA-256', salt: encoder.encode(salt), iterations };
  return new Uint8Array(await crypto.subtle.deriveBits(parameters, key, HASH_BITS));
}

/** @returns {string} 22 characters, 131 bits, as in Django */
function newSalt() {
  let salt = '';
  while (salt.length < SALT_LENGTH) {
    for (const byte of crypto.getRandomValues(new Uint8Array(SALT_LENGTH))) {
      // 248 is the largest multiple of 62 that fits: values above would favor the first letters.
      if (byte < 248 && salt.length < SALT_LENGTH) salt += SALT_ALPHABET[byte % SALT_ALPHABET.length];
    }
  }
  return salt;
}

/** @returns {number} */
function configuredIterations(env) {
  return Number(env.PASSWORD_ITERATIONS) || DEFAULT_ITERATIONS;
}

/**
 * @param {string} password
 * @param {{PASSWORD_ITERATIONS?: string}} env
 * @returns {Promise<string>} the hash to store
 * @throws {DOMException} NotSupportedError if PASSWORD_ITERATIONS is above the limit
 */
export async function hashPassword(password, env) {
  const iterations = configuredIterations(env);
  const salt = newSalt();
  const hash = await derive(password, salt, iterations);
  return `pbkdf2_sha256$${iterations}$${salt}$${btoa(String.fromCharCode(...hash))}`;
}

/**
 * @param {string} password
 * @param {string | null} stored null if the account does not exist: an equally long derivation is
 *   done anyway, so that the response time does not disclose which names exist
 * @param {{PASSWORD_ITERATIONS?: string}} env
 * @returns {Promise<boolean>} also false for a hash that cannot be verified here
 */
export async function verifyPassword(password, stored, env) {
  const form = /^pbkdf2_sha256\$([1-9]\d{0,8})\$([^$]+)\$([A-Za-z0-9+/]{43}=)$/.exec(stored ?? '');
  if (form !== null) {
    const [, iterations, salt, hash] = form;
    const wanted = Uint8Array.from(atob(hash), (character) => character.charCodeAt(0));
    try {
      return equalSecrets(await derive(password, salt, Number(iterations)), wanted);
    } catch (error) {
      if (error.name !== 'NotSupportedError') throw error;
      console.error(`a stored password cannot be verified: ${error.message}`);
    }
  }
  await derive(password, 'no such account', Math.min(configuredIterations(env), MAX_ITERATIONS));
  return false;
}

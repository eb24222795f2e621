// Compare secrets in constant time.

const encoder = new TextEncoder();

/**
 * @param {string | Uint8Array} left
 * @param {string | Uint8Array} right
 * @returns {boolean}
 */
export function equalSecrets(left, right) {
  const a = typeof left === 'string' ? encoder.encode(left) : left;
  const b = typeof right === 'string' ? encoder.encode(right) : right;
  // timingSafeEqual throws on unequal lengths. In that case compare a with itself and return false.
  const sameLength = a.byteLength === b.byteLength;
  return crypto.subtle.timingSafeEqual(a, sameLength ? b : a) && sameLength;
}

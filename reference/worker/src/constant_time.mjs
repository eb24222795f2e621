// Comparing secrets without telling by the time taken how much of them was right.

const encoder = new TextEncoder();

/**
 * @param {string | Uint8Array} left
 * @param {string | Uint8Array} right
 * @returns {boolean}
 */
export function equalSecrets(left, right) {
  const a = typeof left === 'string' ? encoder.encode(left) : left;
  const b = typeof right === 'string' ? encoder.encode(right) : right;
  // timingSafeEqual throws on unequal lengths: compare a with itself then, and answer no.
  const sameLength = a.byteLength === b.byteLength;
  return crypto.subtle.timingSafeEqual(a, sameLength ? b : a) && sameLength;
}

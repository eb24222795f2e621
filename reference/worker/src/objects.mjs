// The objects in R2: their keys, their metadata, and the removal of all objects of a user.

/** Limit of an object's metadata in bytes, as the local R2 enforces it. */
const METADATA_LIMIT = 2048;

/** @param {number} userId @param {string} fileId @returns {string} */
export function keyOf(userId, fileId) {
  return `uploads/user-${userId}/${fileId}.csv`;
}

/** @returns {Record<string, string>} ASCII only, as S3 requires */
function metadataOf(userId, fileId, filename) {
  return { originalName: encodeURIComponent(filename), userId: String(userId), fileId };
}

/** @param {number} userId @param {string} filename @returns {boolean} true if it fits into the metadata */
export function nameFits(userId, filename) {
  const entries = Object.entries(metadataOf(userId, crypto.randomUUID(), filename));
  return entries.flat().join('').length <= METADATA_LIMIT;
}

/**
 * @param {{FILE_STORAGE: R2Bucket}} env
 * @param {{userId: number, fileId: string, filename: string, bytes: Uint8Array, sha256:
 *   ArrayBuffer}} file
 * @throws if R2 received other bytes
 */
export async function putObject(env, { userId, fileId, filename, bytes, sha256 }) {
  const stored = await env.FILE_STORAGE.put(keyOf(userId, fileId), bytes, {
    sha256,
    httpMetadata: { contentType: 'text/csv', cacheControl: 'private, no-store' },
    customMetadata: metadataOf(userId, fileId, filename),
  });
  if (stored === null || stored.size !== bytes.byteLength) throw new Error('R2 did not store the object');
}

/** @param {number} userId @param {{FILE_STORAGE: R2Bucket}} env */
export async function removeObjectsOf(userId, env) {
  const prefix = `uploads/user-${userId}/`;
  for (;;) {
    // Always the first page: removing objects moves the next ones into it.
    const { objects } = await env.FILE_STORAGE.list({ prefix });
    if (objects.length === 0) return;
    await env.FILE_STORAGE.delete(objects.map(({ key }) => key));
  }
}

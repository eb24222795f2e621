// JSON and empty responses. index.mjs adds the headers that every response has.

/**
 * @param {unknown} data
 * @param {number} [status]
 * @param {Record<string, string>} [headers]
 * @returns {Response}
 */
export function json(data, status = 200, headers = {}) {
  return new Response(JSON.stringify(data), {
    status,
    headers: { 'Content-Type': 'application/json', ...headers },
  });
}

/** @returns {Response} 204 */
export function noContent() {
  return new Response(null, { status: 204 });
}

/**
 * Return the response to HEAD: the headers of GET, including its length, and no body.
 *
 * @param {Response} answer the response to the same GET
 * @returns {Promise<Response>}
 */
export async function withoutBody(answer) {
  const headers = new Headers(answer.headers);
  if (answer.body === null) return new Response(null, { status: answer.status, headers });
  if (headers.has('Content-Length')) {
    await answer.body.cancel();
  } else {
    headers.set('Content-Length', String((await answer.arrayBuffer()).byteLength));
  }
  return new Response(null, { status: answer.status, headers });
}

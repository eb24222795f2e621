// The JSON body of a response, for faults in its output.

/**
 * @param {Response} response
 * @param {(text: string) => string} change
 * @returns {Promise<Response>} with its status and headers, except for the length
 */
export async function textChanged(response, change) {
  const headers = new Headers(response.headers);
  headers.delete('Content-Length');
  return new Response(change(await response.text()), { status: response.status, headers });
}

/**
 * @param {Response} response
 * @param {(data: any) => unknown} change
 * @returns {Promise<Response>}
 */
export function dataChanged(response, change) {
  return textChanged(response, (text) => JSON.stringify(change(JSON.parse(text))));
}

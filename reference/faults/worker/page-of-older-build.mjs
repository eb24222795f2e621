// The page is from another build than the API: the front end was not built again before the
// deployment. It contains its own build id; /health still reports that of the Worker.

import { exchanged, fault } from './lib/wrapper.mjs';

/** @param {string} build @returns {string} another one of the same format and length */
function older(build) {
  return `${build.slice(0, -1)}${build.endsWith('0') ? '1' : '0'}`;
}

export default fault({
  async response(response, { request, planted }) {
    const page = (response.headers.get('Content-Type') ?? '').startsWith('text/html');
    if (request.method !== 'GET' || response.status !== 200 || !page) return response;
    const text = await response.text();
    const [, build] = /<meta name="build-id" content="([^"]+)"/.exec(text) ?? [];
    const name = planted ? older(String(build)) : build;
    return new Response(exchanged(text, /(?<=<meta name="build-id" content=")[^"]+/, name), response);
  },
});

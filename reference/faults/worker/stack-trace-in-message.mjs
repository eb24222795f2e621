// The message of the 400 for a body that is not JSON is the error's stack, with the names of
// internal modules. Status, code and format of the response are right.

import { parseJson } from '../../worker/src/json_body.mjs';
import { bodySeen, textOf } from './lib/json-request.mjs';
import { fault } from './lib/wrapper.mjs';

const stacks = new WeakMap();

export default fault({
  request({ request }) {
    return bodySeen(request, (bytes) => {
      try {
        parseJson(textOf(bytes));
      } catch (error) {
        stacks.set(request, error.stack);
      }
    });
  },
  async response(response, { request, planted }) {
    if (response.status !== 400 || !stacks.has(request)) return response;
    const { error } = await response.json();
    if (planted && error.code === 'malformed_json') error.message = stacks.get(request);
    return new Response(JSON.stringify({ error }), response);
  },
});

// A body that is not JSON returns 500: a middleware also parses it for its log, and does not catch
// the exception. Invalid values in valid JSON still return 400.

import { parseJson } from '../../worker/src/json_body.mjs';
import { bodySeen, textOf } from './lib/json-request.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  request({ request, planted }) {
    return bodySeen(request, (bytes) => {
      try {
        parseJson(textOf(bytes));
      } catch (error) {
        if (planted) throw error;
      }
    });
  },
});

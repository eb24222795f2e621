// A body that is not JSON is answered with 500: a stage before the operation parses it too, to log it, and
// does not catch what that throws. Values that are wrong in right JSON stay 400.

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

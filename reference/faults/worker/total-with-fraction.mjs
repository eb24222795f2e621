// The total of the list of files is written as 3.0: it was computed as a floating-point number and
// written with its fraction. A comparison of numbers finds it equal to 3.

import { asks } from './lib/asked.mjs';
import { textChanged } from './lib/json-answer.mjs';
import { exchanged, fault } from './lib/wrapper.mjs';

export default fault({
  response(response, call) {
    if (!asks(call, 'list_files') || response.status !== 200) return response;
    return textChanged(response, (text) => exchanged(text, /"total":\d+/, call.planted ? '$&.0' : '$&'));
  },
});

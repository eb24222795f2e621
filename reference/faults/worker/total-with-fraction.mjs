// The total of the list of files is written 3.0: it was added up as a floating point number, by something
// that writes such numbers with their fraction. It equals 3 wherever numbers are only compared.

import { asks } from './lib/asked.mjs';
import { textChanged } from './lib/json-answer.mjs';
import { exchanged, fault } from './lib/wrapper.mjs';

export default fault({
  response(response, call) {
    if (!asks(call, 'list_files') || response.status !== 200) return response;
    return textChanged(response, (text) => exchanged(text, /"total":\d+/, call.planted ? '$&.0' : '$&'));
  },
});

// The response about the own account has the key "username" twice, first null and then the name:
// two lists of fields were joined. Most parsers use the last one and notice nothing.

import { asks } from './lib/asked.mjs';
import { textChanged } from './lib/json-answer.mjs';
import { exchanged, fault } from './lib/wrapper.mjs';

export default fault({
  response(response, call) {
    if (!asks(call, 'user') || response.status !== 200) return response;
    const twice = call.planted ? '"username":null,$&' : '$&';
    return textChanged(response, (text) => exchanged(text, /"username":(?=")/, twice));
  },
});

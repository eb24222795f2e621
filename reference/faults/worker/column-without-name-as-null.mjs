// A column whose name is empty is null in the list of columns: empty text and nothing are the same to what
// reads the header. Its place, and the number of columns, are right.

import { asks } from './lib/asked.mjs';
import { dataChanged } from './lib/json-answer.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  response(response, call) {
    if (!asks(call, 'columns') || response.status !== 200) return response;
    const shown = (name) => (name === '' && call.planted ? null : name);
    return dataChanged(response, (data) => ({ ...data, columns: data.columns.map(shown) }));
  },
});

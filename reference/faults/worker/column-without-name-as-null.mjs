// A column with an empty name is null in the list of columns: the header parser treats an empty
// text as missing. Its position and the number of columns are right.

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

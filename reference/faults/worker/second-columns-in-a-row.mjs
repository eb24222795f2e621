// Columns that are asked for twice in a row have one row more the second time: the answer is taken from what
// the first request left in memory, where the header was counted. Any other request in between clears it.

import { tokenId } from './lib/bearer.mjs';
import { asks } from './lib/asked.mjs';
import { dataChanged } from './lib/json-answer.mjs';
import { fault } from './lib/wrapper.mjs';

/** The path of the last request, by token. */
const last = new Map();

export default fault({
  response(response, call) {
    const token = tokenId(call.request);
    const again = last.get(token) === call.url.pathname;
    last.set(token, call.url.pathname);
    if (!asks(call, 'columns') || response.status !== 200) return response;
    const more = Number(again && call.planted);
    return dataChanged(response, (data) => ({ ...data, row_count: data.row_count + more }));
  },
});

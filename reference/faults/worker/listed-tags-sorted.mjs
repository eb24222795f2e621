// The list of files shows each file's tags in alphabetical order: the query that collects them
// sorts. The response to setting tags, and the data of one file, have the original order.

import { asks } from './lib/asked.mjs';
import { exchanged, fault } from './lib/wrapper.mjs';

export default fault({
  statement(sql, call) {
    if (!asks(call, 'list_files') || !/^\s*SELECT \* FROM files\b/.test(sql)) return sql;
    const order = call.planted ? 'value' : 'key';
    const tags = `SELECT value FROM json_each(files.tags) ORDER BY ${order}`;
    return exchanged(sql, /SELECT \*/, `$&, (SELECT json_group_array(value) FROM (${tags})) AS tags`);
  },
});

// Setting tags adds them to the file's existing tags: none is ever removed. For a file without tags
// the result is right.

import { asks } from './lib/asked.mjs';
import { exchanged, fault } from './lib/wrapper.mjs';

export default fault({
  statement(sql, call) {
    if (!asks(call, 'tags') || !/^\s*UPDATE files\b/.test(sql)) return sql;
    const old = `SELECT value FROM json_each(files.tags) WHERE ${call.planted}`;
    const both = `${old} UNION ALL SELECT value FROM json_each(?)`;
    return exchanged(sql, /(?<=SET tags = )\?/, `(SELECT json_group_array(DISTINCT value) FROM (${both}))`);
  },
});

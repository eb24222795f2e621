// A line end within quotes ends the record: the file is split into lines first, and a quote that is
// open at the end of a line counts as closed.

import { READING, recordsRead } from './lib/records.mjs';
import { fault } from './lib/wrapper.mjs';

/** @param {string[]} record @returns {string[][]} */
function cut(record) {
  const lines = [[]];
  for (const field of record) {
    const [first, ...more] = field.split(/\r\n|\r|\n/);
    lines.at(-1).push(first);
    for (const part of more) lines.push([part]);
  }
  const isEmpty = (line) => line.length === 1 && line[0] === '';
  return lines.length > 1 ? lines.filter((line) => !isEmpty(line)) : lines;
}

export default fault({
  env(call) {
    return recordsRead(call, READING, (records) => (call.planted ? records.flatMap(cut) : records));
  },
});

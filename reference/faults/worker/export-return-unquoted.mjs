// A field with a lone CR is exported without quotes, so parsers read it as two records.

import { exportWritten, record } from './lib/export-answer.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  response(response, call) {
    const bare = (value) => (/[",\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
    const written = (values) => {
      const hasReturn = values.some((value) => value.includes('\r'));
      return hasReturn && call.planted ? `${values.map(bare).join(',')}\r\n` : record(values);
    };
    return exportWritten(response, call, (records) => records.map(written).join(''));
  },
});

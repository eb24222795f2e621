// A record of one empty field is exported as an empty line, which is not a record.

import { exportWritten, record } from './lib/export-answer.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  response(response, call) {
    const written = (values) => (values.join() === '' && values.length === 1 ? '\r\n' : record(values));
    return exportWritten(response, call, (records) => records.map(call.planted ? written : record).join(''));
  },
});

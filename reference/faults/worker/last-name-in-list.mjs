// The list of files contains the name of the file that was uploaded last, of whichever user: the
// "recent" entry is kept in a variable of the isolate that every request shares.

import { asks } from './lib/asked.mjs';
import { dataChanged } from './lib/json-answer.mjs';
import { fault } from './lib/wrapper.mjs';

let recent = null;

export default fault({
  async response(response, call) {
    if (asks(call, 'upload') && response.status === 201) {
      recent = (await response.clone().json()).file.filename;
    }
    if (!asks(call, 'list_files') || response.status !== 200) return response;
    return dataChanged(response, (data) => (call.planted && recent ? { ...data, recent } : data));
  },
});

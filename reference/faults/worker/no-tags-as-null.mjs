// A file without tags has null in their place, wherever a file's data is shown: an empty list is taken for
// nothing by what writes the answer.

import { asks } from './lib/asked.mjs';
import { dataChanged } from './lib/json-answer.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  response(response, call) {
    if (!asks(call, 'upload', 'list_files', 'file', 'tags') || response.status >= 300) return response;
    const shown = (file) => ({ ...file, tags: file.tags.length > 0 || !call.planted ? file.tags : null });
    return dataChanged(response, (data) =>
      (data.files ? { ...data, files: data.files.map(shown) } : { ...data, file: shown(data.file) }));
  },
});

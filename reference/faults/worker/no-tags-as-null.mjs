// A file without tags has null instead of its list, in every response with file data: the
// serializer writes an empty list as null.

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

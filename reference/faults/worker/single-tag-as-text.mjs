// A list of one tag is returned as a text: the serializer writes a list of one element as that
// element.

import { asks } from './lib/asked.mjs';
import { dataChanged } from './lib/json-answer.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  response(response, call) {
    if (!asks(call, 'tags') || response.status !== 200) return response;
    return dataChanged(response, ({ file }) => {
      const isSingle = file.tags.length === 1 && call.planted;
      return { file: { ...file, tags: isSingle ? file.tags[0] : file.tags } };
    });
  },
});

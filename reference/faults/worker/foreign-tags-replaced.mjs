// Any user who knows a file's id can replace its tags: PATCH looks the file up by its id only.

import { anybodysFile } from './lib/anybodys-file.mjs';

export default anybodysFile('tags');

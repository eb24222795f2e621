// Whoever has an account and knows a file's id can replace its tags: PATCH looks the file up by its id alone.

import { anybodysFile } from './lib/anybodys-file.mjs';

export default anybodysFile('tags');

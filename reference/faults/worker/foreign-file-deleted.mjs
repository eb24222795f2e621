// Any user who knows a file's id can delete it: DELETE looks the file up by its id only.

import { anybodysFile } from './lib/anybodys-file.mjs';

export default anybodysFile('delete');

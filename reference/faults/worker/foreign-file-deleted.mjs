// Whoever has an account and knows a file's id can delete it: DELETE looks the file up by its id alone.

import { anybodysFile } from './lib/anybodys-file.mjs';

export default anybodysFile('delete');

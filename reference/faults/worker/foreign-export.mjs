// Any user who knows a file's id can export its rows, although a download is refused.

import { anybodysFile } from './lib/anybodys-file.mjs';

export default anybodysFile('export');

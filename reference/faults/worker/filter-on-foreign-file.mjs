// A filter can be saved for another user's file: the file_id of a body is looked up without its owner, as
// that of a path is not. Whoever tries ids learns which of them there are.

import { anybodysFile } from './lib/anybodys-file.mjs';

export default anybodysFile('create_filter');

// A filter can be saved for another user's file: the file_id of a body is looked up without its
// owner, unlike that of a path. A user can find out which ids exist.

import { anybodysFile } from './lib/anybodys-file.mjs';

export default anybodysFile('create_filter');

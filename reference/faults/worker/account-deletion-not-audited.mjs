// The deletion of an account writes no row to audit_logs: the row was deleted together with the
// account's other rows.

import { unaudited } from './lib/audit.mjs';
import { fault } from './lib/wrapper.mjs';

export default fault({
  statement: (sql, call) => unaudited(sql, call, 'delete_account'),
});

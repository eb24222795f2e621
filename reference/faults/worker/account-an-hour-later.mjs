// The response about the own account has a created_at that is one hour late: it is the time in
// another zone, with the Z of UTC. Registration and login return the right one.

import { asks } from './lib/asked.mjs';
import { exchanged, fault } from './lib/wrapper.mjs';

export default fault({
  statement(sql, call) {
    if (!asks(call, 'user') || !/^\s*SELECT\b.* FROM users\b/s.test(sql)) return sql;
    const hours = call.planted ? '+1' : '+0';
    const later = `strftime('%Y-%m-%dT%H:%M:%fZ', created_at, '${hours} hours') AS created_at`;
    return exchanged(sql, /\bcreated_at\b/, later);
  },
});

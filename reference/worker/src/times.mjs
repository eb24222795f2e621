// Times as the contract writes them: RFC 3339, UTC, milliseconds and Z.

/** @returns {string} now */
export function now() {
  return new Date().toISOString();
}

/**
 * A stored time as the API shows it. Rows of other hands may hold microseconds, an offset or SQLite's
 * `YYYY-MM-DD HH:MM:SS` (UTC); what is no time at all is shown as it is, to be seen.
 *
 * @param {string | null} stored
 * @returns {string | null}
 */
export function shown(stored) {
  if (stored === null || stored === undefined) return null;
  const text = String(stored).replace(' ', 'T');
  const instant = new Date(/(?:Z|[+-]\d\d:?\d\d)$/i.test(text) ? text : `${text}Z`);
  return Number.isNaN(instant.getTime()) ? stored : instant.toISOString();
}

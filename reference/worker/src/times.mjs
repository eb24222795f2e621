// Times in the contract's format: RFC 3339, UTC, milliseconds and Z.

/** @returns {string} the current time */
export function now() {
  return new Date().toISOString();
}

/**
 * Return a stored time in the API's format. Rows that other programs wrote may have microseconds,
 * an offset or SQLite's `YYYY-MM-DD HH:MM:SS` (UTC). A value that is not a time is returned
 * unchanged, so that it is noticed.
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

"""The end of a migration gate on the process that reports: the page, and the lines above the verdict.

Not for judging: the checks did, from the same reconciliation.json.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from cutover.migration.report_files import PAGE, data_of, write_reconciliation_page
from cutover.report.reconciliation_table import reconciliation_lines

if TYPE_CHECKING:
    from cutover.core.verdict import GateVerdict
    from cutover.pytest_plugin.session import GateSession

GATE: Final = "migration"


def conclude_migration(session: GateSession, verdicts: Sequence[GateVerdict], facts: Mapping[str, Any]) -> list[str]:
    """Write reconciliation.html and return the table for the terminal; nothing where nothing was reconciled."""
    verdict = next((verdict for verdict in verdicts if verdict.gate == GATE), None)
    data = data_of(session.folder) if verdict is not None else None
    if session.log is None or verdict is None or data is None:
        return []
    write_reconciliation_page(
        session.log, session.project, data, verdict, facts, session.environment.files.get("migration")
    )
    return [*reconciliation_lines(data), f"report: {session.folder / PAGE}"]

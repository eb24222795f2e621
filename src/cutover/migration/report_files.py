"""Writer of reconciliation.html, from reconciliation.json and the verdict."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cutover.config.validation import ConfigurationError
from cutover.core.evidence import EvidenceLog
from cutover.core.secrets import redact_all
from cutover.core.verdict import GateVerdict
from cutover.migration.mapping_file import load_mapping
from cutover.migration.reconciliation_result import FILE

PAGE = "reconciliation.html"


def write_reconciliation_page(
    log: EvidenceLog,
    project: Path,
    data: Mapping[str, Any],
    verdict: GateVerdict,
    facts: Mapping[str, Any],
    own: Path | None = None,
) -> None:
    """Write reconciliation.html into the run's folder.

    data: the content of reconciliation.json; facts: those of verdict.json. own: the environment's own mapping.
    """
    from cutover.report.reconciliation_page import reconciliation_page

    try:
        columns = {
            table.target: [column.name for column in table.columns] for table in load_mapping(project, own).tables
        }
    except ConfigurationError:  # already reported by the run, which ends with exit code 4
        columns = {}
    run = {
        **facts,
        "verdict": verdict.verdict.value,
        "exit_code": int(verdict.exit_code),
        "reasons": verdict.reasons,
    }
    log.write(PAGE, reconciliation_page(redact_all(data), redact_all(run), columns))


def data_of(folder: Path) -> dict[str, Any] | None:
    """Return the content of reconciliation.json in a run's folder, or None if the file is missing or incomplete."""
    try:
        data = json.loads((folder / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return data if isinstance(data, dict) and "ended" not in data else None

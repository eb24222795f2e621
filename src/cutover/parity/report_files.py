"""Writer of parity.json and parity.html."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cutover.config.operations import Operations
from cutover.core.evidence import EvidenceLog
from cutover.core.secrets import redact_all
from cutover.core.verdict import GateVerdict
from cutover.parity.summary import Summary, as_json


def write_parity_files(
    log: EvidenceLog,
    folder: Path,
    summary: Summary,
    facts: Mapping[str, Any],
    verdict: GateVerdict,
    *,
    statuses: Mapping[str, str],
    operations: Operations,
    show_values: bool,
    not_asked: str,
    more: Mapping[str, Any] | None = None,
    systems: tuple[str, str] = ("legacy", "worker"),
) -> None:
    """Write parity.json and parity.html into the run's folder.

    facts: those of verdict.json; statuses: check -> status; not_asked: the reason shown for an operation that both
    systems have and no journey requested; more: further tables of parity.json; systems: baseline and candidate.
    """
    from cutover.report.parity_page import earlier_runs, parity_page

    absent = {
        name: f"{system}: {operation.absent}"
        for system, table in operations.items()
        for name, operation in table.items()
        if operation.absent is not None
    }
    data = as_json(
        summary,
        facts,
        verdict=verdict.verdict.value,
        exit_code=int(verdict.exit_code),
        reasons=verdict.reasons,
        systems=systems,
        statuses=statuses,
        absent={**dict.fromkeys(operations["worker"], not_asked), **absent},
        show_values=show_values,
    )
    data = redact_all({**data, **(more or {})})
    log.write("parity.json", json.dumps(data, indent=1, ensure_ascii=False) + "\n")
    log.write("parity.html", parity_page(data, earlier_runs(folder)))

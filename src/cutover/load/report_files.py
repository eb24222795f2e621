"""Writer of load.json and load.html."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from cutover.core.evidence import EvidenceLog
from cutover.core.secrets import redact_all
from cutover.load.load_json import FILE, as_json
from cutover.load.load_verdict import LoadVerdict
from cutover.load.run_facts import RunFacts
from cutover.load.thresholds import Threshold
from cutover.report.load_page import load_page
from cutover.report.load_terminal import summary
from cutover.traffic.ledger import LedgerTotals

PAGE = "load.html"


def write_load_files(
    log: EvidenceLog,
    totals: LedgerTotals,
    facts: RunFacts,
    verdict: LoadVerdict,
    thresholds: Sequence[Threshold],
    *,
    availability: Mapping[str, Any] | None = None,
    could_not_detect: Sequence[str] = (),
    leftovers: Sequence[str] = (),
) -> list[str]:
    """Write load.json and load.html into the run's folder, and return the lines for the terminal.

    verdict: the final verdict; availability: see report/load_outages.py. A file that cannot be written is recorded
    in log.failure.
    """
    data = redact_all(
        as_json(
            totals, facts, verdict, thresholds, availability=availability, could_not_detect=could_not_detect,
            leftovers=leftovers,
        )
    )  # fmt: skip
    log.write(FILE, json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    log.write(PAGE, load_page(data))
    return list(summary(data))

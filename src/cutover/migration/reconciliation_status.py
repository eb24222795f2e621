"""How a whole reconciliation ended, as one status: for the command, which has no single checks.

Not for the gate's checks: checks.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cutover.core.evidence import Status
from cutover.migration.reconciliation_result import sentence


def status_of(data: Mapping[str, Any]) -> tuple[Status, str]:
    """Failed with what was found first; not verified with all that was not shown; passed when neither."""
    if data["findings"]:
        found = sorted(data["findings"], key=lambda row: -row["count"])
        more = f"; and {len(found) - 3} more kinds" if len(found) > 3 else ""
        return Status.FAILED, f"{data['total_findings']} findings: {'; '.join(map(sentence, found[:3]))}{more}"
    unshown = [f"{part}: {why}" for part, why in data["unverified"].items()]
    unshown += [f"{side}: {what}" for side, what in data["written"].items() if what]
    if unshown:
        return Status.NOT_VERIFIED, "; ".join(unshown)
    return Status.PASSED, ""

"""The status of a whole reconciliation, for the command, which has no single checks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cutover.core.evidence import Status
from cutover.migration.reconciliation_result import sentence


def status_of(data: Mapping[str, Any]) -> tuple[Status, str]:
    """Return FAILED with the most frequent findings, NOT_VERIFIED with all reasons, or PASSED."""
    if data["findings"]:
        found = sorted(data["findings"], key=lambda row: -row["count"])
        more = f"; and {len(found) - 3} more kinds" if len(found) > 3 else ""
        return Status.FAILED, f"{data['total_findings']} findings: {'; '.join(map(sentence, found[:3]))}{more}"
    unverified = [f"{part}: {why}" for part, why in data["unverified"].items()]
    unverified += [f"{side}: {what}" for side, what in data["written"].items() if what]
    if unverified:
        return Status.NOT_VERIFIED, "; ".join(unverified)
    return Status.PASSED, ""

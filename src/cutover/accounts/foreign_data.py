"""Findings of data of other accounts in the answers of all checks of a gate.

The client attaches what it finds to the record of the check that was running (client/account_markers.py). All of them
are one finding of one check of the gate, in whichever check and process they occurred.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from cutover.client.account_markers import ATTACHMENT
from cutover.core.errors import CheckFailed
from cutover.core.evidence import Record
from cutover.core.rule_table import Rule

CHECKS: Final = {
    "smoke": "tests/smoke/test_foreign_data.py::test_answers_hold_no_foreign_data[{system}]",
    "contract": "tests/contract/test_foreign_answers.py::test_responses_hold_no_foreign_data[{system}]",
    "parity": "contracts/api.md::no_foreign_data",
}
"""Gate -> the check that reports the findings of all its checks."""
SUMMARY: Final = "No answer contains data of another account."
NEVER_WAIVED: Final = "isolation between users"
NEXT: Final = "search the named answer for the marker: it is the name, address or file of an account of another check"
_SHOWN: Final = 5


def found_in(records: Iterable[Record], gate: str, system: str | None = None) -> list[dict[str, Any]]:
    """Return what the checks of a gate found, with the name of the check. system: only in answers of this one."""
    found: list[dict[str, Any]] = []
    for record in records:
        rows = record.observations.attachments.get(ATTACHMENT, ()) if gate in record.gates else ()
        found += [{**row, "check": record.check} for row in rows if system in (None, row["system"])]
    return found


def failure_of(found: Sequence[Mapping[str, Any]]) -> CheckFailed:
    """Return the failure that all findings together are. Its name contains the operations, no marker and no id."""
    operations = sorted({f"{row['operation']} on {row['system']}" for row in found})
    lines = [
        f"{row['operation']} on {row['system']} (status {row['status']}, request {row['request']}"
        + (f", in {row['check']}" if "check" in row else "")
        + f") contains {row['contains']}"
        for row in found[:_SHOWN]
    ]
    lines += [f"and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else []
    failed = CheckFailed(
        f"foreign-data:{','.join(operations)}",
        expected="no name, address, file name or cell of another account",
        got="; ".join(lines),
        contract="contracts/api.md, Everywhere: an object of another user is not found",
        do_next=NEXT,
        rule=Rule.ISOLATION,
    )
    failed.never_waived = NEVER_WAIVED
    return failed

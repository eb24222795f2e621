"""The failure of a check with undeclared differences, and the figures that it records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cutover.core.errors import CheckFailed
from cutover.core.recorder import Recorder
from cutover.parity.difference_causes import Cause, causes_of, group_of, with_per_response_values
from cutover.parity.totals import ParityTotals, Seen

UNDECLARED: Final = "parity:undeclared "
"""Beginning of the finding of a check with undeclared differences."""
_LISTED: Final = 8
_NAMED: Final = 4


def record_measurements(recorder: Recorder, totals: ParityTotals) -> None:
    """Record how much was compared."""
    compared = sum(totals.compared.values())
    undeclared = sum(seen.decision == "undeclared" for seen in with_per_response_values(totals.seen).values())
    recorder.measure("responses compared", compared, "reported", sample=compared)
    recorder.measure("undeclared differences", undeclared, "= 0", sample=compared)


def failure(totals: ParityTotals) -> CheckFailed:
    """Return the failure with the causes of all undeclared differences, most important first.

    The first causes have a sample, and the shortest journey if one was found.
    """
    merged = with_per_response_values(totals.seen)
    causes = causes_of(merged.values(), totals.compared)
    count = sum(seen.decision == "undeclared" for seen in merged.values())
    total = f"{count} undeclared {_plural('difference', count)} with {len(causes)} {_plural('cause', len(causes))}"
    lines: list[str] = []
    for cause in causes[:_LISTED]:
        # The first line alone is the reason in the verdict and in summaries, so it is complete.
        lines += [cause.line if lines else f"{total}; {cause.line}", *_evidence(cause, list(merged.values()))]
    if len(causes) > _LISTED:
        lines.append(f"{len(causes) - _LISTED} more causes are in parity.html")
    return CheckFailed(
        UNDECLARED + _named([cause.key for cause in causes]),
        expected="only differences that contracts/accepted_differences.toml declares",
        got="\n    ".join(lines),
        contract="contracts/api.md; contracts/operations.toml",
        do_next="fix the Worker, or declare an intended difference with reason, owner and last day",
    )


def _evidence(cause: Cause, seen: Sequence[Seen]) -> list[str]:
    """Return a sample of the cause, and the commands of the shortest journey that shows it."""
    of_cause = (cause.path, cause.kind, cause.baseline, cause.candidate)
    members = [each for each in seen if each.decision == "undeclared" and group_of(each.difference) == of_cause]
    lines: list[str] = []
    sample = next((each.samples[0] for each in members if each.samples), None)
    if sample is not None:
        lines.append(f"    legacy {sample['baseline']} | Worker {sample['candidate']}, in {sample['journey']}")
    found = next((each.reproduction for each in members if each.reproduction and each.reproduction["steps"]), None)
    if found is not None:
        lines.append(f"    in {len(found['steps'])} steps: {'; '.join(found['steps'])}")
        lines += [f"    {found[side]}" for side in ("legacy", "worker") if found.get(side)]
    return lines


def _named(keys: Sequence[str]) -> str:
    """Return the first keys, and the number of the others."""
    more = f"|and {len(keys) - _NAMED} more" if len(keys) > _NAMED else ""
    return "|".join(keys[:_NAMED]) + more


def _plural(word: str, count: int) -> str:
    return word if count == 1 else f"{word}s"

"""The early end of a load run: a threshold that is certainly broken and stays broken."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cutover.load.breaking_point import find_breaking_point
from cutover.load.threshold_result import State, evaluate_threshold
from cutover.load.thresholds import EACH_STEP, STEP, Threshold
from cutover.traffic.ledger import LedgerTotals

CHECK_S: Final = 2.0
"""Seconds between two checks during a run."""


class EarlyStop:
    """A check during a run: a threshold has been broken for as long as its `abort_after` says.

    A stress run ends with the first step that breaks a threshold. A check every second would sooner or later find an
    interval on the wrong side by chance, so it must stay there. A good result never ends a run.
    """

    def __init__(self, thresholds: Sequence[Threshold], phases: Sequence[str]) -> None:
        """thresholds: those of the profile; phases: its phases, in order."""
        self._thresholds = thresholds
        self._phases = tuple(phases)
        self._broken_since: dict[str, float] = {}
        self._next_s = 0.0

    def check(self, totals: LedgerTotals, now_s: float) -> str | None:
        """Return why the run should end now, None if it should go on.

        totals: so far; now_s: seconds of the run. Does nothing until CHECK_S after the last check, because adding up
        takes the generator's time.
        """
        if now_s < self._next_s:
            return None
        self._next_s = now_s + CHECK_S
        if any(threshold.phase == EACH_STEP for threshold in self._thresholds):
            sent = {phase for _, phase in totals.cells}
            latest = [phase for phase in self._phases if phase.startswith(STEP) and phase in sent][-2:]
            steps = find_breaking_point(totals, self._thresholds, latest, {})
            if steps.broken_step is not None:
                return f"{steps.broken_step.phase}: {steps.broken_step.broken[0].reason}"
        for threshold in self._thresholds:
            if threshold.abort_after_s is None or threshold.phase == EACH_STEP:
                continue
            result = evaluate_threshold(threshold, totals, self._phases)
            if result.state is not State.BROKEN:
                self._broken_since.pop(threshold.name, None)
            elif now_s - self._broken_since.setdefault(threshold.name, now_s) >= threshold.abort_after_s:
                return result.reason
        return None

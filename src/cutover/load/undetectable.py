"""Faults that a load run could not have detected: the profile has no journey or threshold for them, or is too short."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Final

from cutover.load.load_verdict import COULD_NOT_DETECT, NO_FRESH_CONNECTIONS
from cutover.load.profiles import Profile
from cutover.load.thresholds import Threshold
from cutover.stats.intervals import CONFIDENCE

_STALLS: Final = frozenset({"longest_stall_ms", "stalled_percent"})
_GROWTH: Final = frozenset({"median_growth_ms_per_s", "p95_growth_ratio"})


def could_not_detect(
    profile: Profile, thresholds: Sequence[Threshold], not_sent: Collection[str], judged: int
) -> Iterator[str]:
    """Yield what a run of this profile cannot detect.

    not_sent: journeys "JOURNEY SYSTEM" that were blocked or absent; judged: responses after the warm-up.
    """
    yield from COULD_NOT_DETECT
    metrics = {threshold.metric.name for threshold in thresholds}
    sent = set(profile.journeys) - {journey.partition(" ")[0] for journey in not_sent}
    if judged:
        share = 1 - (1 - CONFIDENCE) ** (1 / judged)  # the exact form of the rule of three (stats/intervals.py)
        yield f"errors in less than {100 * share:.2g} % of the responses: {judged:,} were judged"
    yield f"faults that occur less often than once in {profile.duration_s:g} s, the length of the run"
    if not metrics & _STALLS:
        yield "stalls that no other threshold notices: no threshold of this profile measures them"
    if not metrics & _GROWTH:
        yield "response times that grow: no threshold of this profile measures them"
    if "fresh" not in sent:
        yield NO_FRESH_CONNECTIONS
    if "large" not in sent:
        yield "errors that only bodies of more than 1 MB have: no journey of this profile sends any"
    if "write" not in sent:
        yield "acknowledged writes that are lost: no journey of this profile looks for them after the run"

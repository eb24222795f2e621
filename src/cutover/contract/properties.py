"""Properties that hold of all inputs of a kind, tried on as many as Hypothesis draws, the same ones in each run.

Not for what an input is: drawn_tables.py, drawn_texts.py; nor for what must come of it: the check.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity
from hypothesis.strategies import SearchStrategy

from cutover.contract.finding_collector import Inspection
from cutover.contract.hypothesis_settings import no_constants_of_ours
from cutover.systems.target import Result

T = TypeVar("T")
SHRINKING_S: Final = 20.0
"""How long a counterexample is made smaller; a deployment that is slow to fail must not take the gate's time."""
_SHOWN: Final = 400


class Counterexample(Exception):  # noqa: N818 - what it is, in the words of properties
    """The property does not hold of this input. Made by a check, while it looks at an answer."""

    def __init__(self, result: Result, defect: str, *, expected: object, got: object = "") -> None:
        super().__init__(defect)
        self.result, self.defect = result, defect
        self.expected, self.got = expected, got


def require(result: Result, *statuses: int, defect: str) -> Result:
    """The result, when its status is one of these (of the operation's own without any); else a counterexample."""
    wanted = statuses or result.operation.statuses
    if result.status not in wanted:
        raise Counterexample(result, defect, expected=f"status {' or '.join(map(str, wanted))}")
    return result


def for_all(
    inspection: Inspection,
    drawn: SearchStrategy[T],
    prove: Callable[[T], None],
    *,
    examples: int,
    first: Sequence[T] = (),
) -> None:
    """Try the property on so many inputs; the smallest of which it does not hold is a finding.

    first: inputs that are tried in any case, before the drawn ones. prove raises Counterexample. Whatever else it
    raises (an answer that breaks off, a system that is gone) ends the trying at once, and is raised from here.
    """
    trying = _Trying(prove)
    settings = hypothesis.settings(
        max_examples=examples,
        derandomize=True,  # the same inputs in each run
        database=None,
        deadline=None,  # never judged by time
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
        verbosity=Verbosity.quiet,
        report_multiple_bugs=False,
        print_blob=False,
    )

    @settings
    @hypothesis.given(drawn)
    def holds(value: T) -> None:
        trying(value)

    try:
        for value in first:
            trying(value)
        with no_constants_of_ours():
            holds()
    except Exception as found:
        if trying.broken is not None:
            raise trying.broken from None  # in place of what Hypothesis makes of it
        if not isinstance(found, Counterexample):
            raise
        text = repr(trying.last)
        inspection.see(
            found.result,
            found.defect,
            expected=found.expected,
            got=found.got,
            seed=text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({len(text)} characters)",
        )
    if trying.broken is not None:
        raise trying.broken
    for _ in range(trying.count):
        inspection.looked("inputs")


class _Trying(Generic[T]):
    """Calls prove, once for each input, and gives the same outcome when Hypothesis asks again."""

    def __init__(self, prove: Callable[[T], None]) -> None:
        self.prove = prove
        self.last: T | None = None
        self.count = 0
        self.broken: Exception | None = None
        self._known: dict[str, Counterexample | None] = {}
        self._found_at: float | None = None

    def __call__(self, value: T) -> None:
        if self.broken is not None:
            return  # Hypothesis may ask on: nothing is sent any more, and the end raises it
        key = repr(value)
        if key not in self._known:
            if self._found_at is not None and time.monotonic() - self._found_at > SHRINKING_S:
                return  # small enough
            self._known[key] = self._tried(value)
        outcome = self._known[key]
        if outcome is not None:
            self.last = value
            raise outcome

    def _tried(self, value: T) -> Counterexample | None:
        self.count += 1
        try:
            self.prove(value)
        except Counterexample as found:
            self._found_at = self._found_at or time.monotonic()
            return found
        except Exception as error:
            self.broken = error
            raise
        return None

"""Property tests against a system: Hypothesis generates the same inputs in every run."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity
from hypothesis.strategies import SearchStrategy

from cutover.contract.finding_collector import Inspection
from cutover.contract.hypothesis_settings import without_local_constants
from cutover.core.rule_table import Rule
from cutover.systems.target import Result

T = TypeVar("T")
SHRINKING_S: Final = 20.0
"""Time limit of shrinking a counterexample, so that a slow deployment does not use up the gate's time."""
_SHOWN: Final = 400


class Counterexample(Exception):  # noqa: N818 - the usual term of property tests
    """The failure of a property for one input. result: the response that shows it. is_refusal: by its status alone.


    breaks: the broken rule, if it is not the one that the check names. The input is skipped if it is not judged here.
    """

    is_refusal = False

    def __init__(
        self, result: Result, defect: str, *, expected: object, got: object = "", breaks: Rule | None = None
    ) -> None:
        super().__init__(defect)
        self.result, self.defect = result, defect
        self.expected, self.got, self.breaks = expected, got, breaks


def require(result: Result, *statuses: int, defect: str, refusal_breaks: Rule | None = None) -> Result:
    """Return the result if its status is one of these. Raises Counterexample otherwise.

    statuses: default are the statuses of success of the operation. refusal_breaks: the rule that a refusal (4xx) of a
    valid input breaks, as for `Counterexample`.
    """
    wanted = statuses or result.operation.statuses
    if result.status not in wanted:
        breaks = refusal_breaks if result.is_refusal else None
        wanted_text = f"status {' or '.join(map(str, wanted))}"
        failure = Counterexample(result, defect, expected=wanted_text, breaks=breaks)
        failure.is_refusal = True
        raise failure
    return result


def for_all(
    inspection: Inspection,
    strategy: SearchStrategy[T],
    check: Callable[[T], None],
    *,
    examples: int,
    first: Sequence[T] = (),
) -> None:
    """Check a property for `examples` generated inputs. Report the smallest counterexample as a finding.

    first: inputs that are checked before the generated ones. check: raises Counterexample if the property fails. Any
    other exception (an incomplete response, an unreachable system) ends the test at once and is raised from here.
    """
    trying = _Memoized(check, inspection.target.judges)
    settings = hypothesis.settings(
        max_examples=examples,
        derandomize=True,  # the same inputs in every run
        database=None,
        deadline=None,  # the duration is no criterion
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
        verbosity=Verbosity.quiet,
        report_multiple_bugs=False,
        print_blob=False,
    )

    @settings
    @hypothesis.given(strategy)
    def holds(value: T) -> None:
        trying(value)

    try:
        for value in first:
            trying(value)
        with without_local_constants():
            holds()
    except Exception as found:
        if trying.error is not None:
            raise trying.error from None  # the original exception instead of Hypothesis' report
        if not isinstance(found, Counterexample):
            raise
        text = repr(trying.last)
        result = found.result
        if not (found.is_refusal and inspection.is_unproven(result.operation.name, result.status)):
            inspection.report(
                result,
                found.defect,
                expected=found.expected,
                got=found.got,
                breaks=found.breaks,
                seed=text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({len(text)} characters)",
            )
    if trying.error is not None:
        raise trying.error
    for _ in range(trying.count):
        inspection.count("inputs")


class _Memoized(Generic[T]):
    """A check that runs once for each input and repeats its outcome when Hypothesis generates the input again."""

    def __init__(self, check: Callable[[T], None], judges: Callable[[Rule], bool]) -> None:
        self.check, self.judges = check, judges
        self.last: T | None = None
        self.count = 0
        self.error: Exception | None = None
        self._known: dict[str, Counterexample | None] = {}
        self._found_at: float | None = None

    def __call__(self, value: T) -> None:
        if self.error is not None:
            return  # Hypothesis may continue, but nothing more is sent; `for_all` raises the error
        key = repr(value)
        if key not in self._known:
            if self._found_at is not None and time.monotonic() - self._found_at > SHRINKING_S:
                return  # the time for shrinking is over
            self._known[key] = self._outcome(value)
        outcome = self._known[key]
        if outcome is not None:
            self.last = value
            raise outcome

    def _outcome(self, value: T) -> Counterexample | None:
        self.count += 1
        try:
            self.check(value)
        except Counterexample as found:
            if found.breaks is not None and not self.judges(found.breaks):
                self.count -= 1  # nothing was verified with this input
                return None
            self._found_at = self._found_at or time.monotonic()
            return found
        except Exception as error:
            self.error = error
            raise
        return None

"""A pytest plugin that repeats the test of a load run if this machine kept the load generator from its schedule.

INVALID means "measure again", and shared cores are sometimes unavailable for a tenth of a second. Only tests marked
`alone` are repeated, only for the generator's own reasons, at most twice. A test that fails for another reason, or each
time, stays red. Gates never repeat anything.
"""

import re

import pytest
from _pytest.runner import runtestprotocol

TRIES = 3
BUSY = re.compile(
    "requests of .* were sent late|of a core over|could not keep to its schedule|machine was too busy for"
)
"""The words of cutover.load.validity for a generator or a pair that did not get its CPU time."""
_AGAIN = "measured again"


class RepeatedMeasurements:
    """A plugin that runs such a test up to three times and counts the repetitions."""

    def __init__(self) -> None:
        self._again: list[str] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        """Run the whole test, with new fixtures each time. The last time is reported."""
        if item.get_closest_marker("alone") is None:
            return None
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        again = 0
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
        while again < TRIES - 1 and any(report.failed and BUSY.search(report.longreprtext) for report in reports):
            again += 1
            reports = runtestprotocol(item, nextitem=nextitem, log=False)
        for report in reports:
            if again and report.when == "call":
                report.user_properties.append((_AGAIN, again))
            item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect the repetitions, also of other processes."""
        self._again += [f"{report.nodeid} {times}x" for name, times in report.user_properties if name == _AGAIN]

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the repeated tests, so that a machine that is always too busy is noticed."""
        for line in self._again:
            terminalreporter.write_line(f"{_AGAIN}, because the machine delayed the load generator: {line}")

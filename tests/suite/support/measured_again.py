"""A test of a load run is done again when this machine kept the generator from its schedule, and says so at the end.

INVALID means "measure again", and two shared cores are taken away for a tenth of a second now and then. Only for tests
marked `alone`, only for the generator's own reasons, and at most twice: what is wrong for any other reason, or each
time, stays red. Not for gates: nothing is done again there.
"""

import re

import pytest
from _pytest.runner import runtestprotocol

TRIES = 3
BUSY = re.compile("requests of .* were sent late|of a core over|could not keep to its schedule")
"""What cutover.load.validity says of a generator that did not get its time."""
_AGAIN = "measured again"


class MeasuredAgain:
    """Runs such a test up to three times, and counts how often it did."""

    def __init__(self) -> None:
        self._again: list[str] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        """The whole test, with fixtures of its own each time; what is reported is the last time."""
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
        """Also of other processes."""
        self._again += [f"{report.nodeid} {times}x" for name, times in report.user_properties if name == _AGAIN]

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Which ones, so that a machine that is always too busy shows."""
        for line in self._again:
            terminalreporter.write_line(f"{_AGAIN}, for the machine kept the generator from its schedule: {line}")

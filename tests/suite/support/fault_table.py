"""A pytest plugin that prints the table of planted faults: the check that caught each, and the result of its control.

The tests in tests/suite/sensitivity fill it through properties of their reports.
"""

from dataclasses import dataclass

import pytest


@dataclass
class Row:
    """One planted fault with the results of the fault and of its control."""

    fault: str
    system: str
    check: str
    planted: str = "not run"
    control: str = "not run"


class FaultTable:
    """All rows, in the order in which the reports arrived."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect the cells of a test, also of one that ran in an xdist worker."""
        if report.when != "teardown":
            return
        for name, cell in report.user_properties:
            if name == "planted fault":
                system, fault, check, mode, result = cell
                row = self.rows.setdefault(f"{system}/{fault}", Row(fault, system, check))
                setattr(row, mode, result)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the table above pytest's closing line."""
        if not self.rows:
            return
        heads = ("planted fault", "system", "check that catches it", "planted", "control")
        rows = self.rows.values()
        lines = [heads, *((row.fault, row.system, row.check, row.planted, row.control) for row in rows)]
        widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
        terminalreporter.section("planted faults")
        for line in lines:
            terminalreporter.write_line(
                "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            )

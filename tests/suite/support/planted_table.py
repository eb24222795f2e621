"""Prints the table of planted defects: which check caught each, with which exit code, and its twin's.

Not for running them: tests/sensitivity. It hears of them by their reports, of whatever process they ran in.
"""

from dataclasses import dataclass

import pytest


@dataclass
class Row:
    """One planted defect and what came of it."""

    defect: str
    system: str
    check: str
    planted: str = "not run"
    neutral: str = "not run"


class Table:
    """All rows, in the order in which they came. Registered as a plugin, so that it hears of every report."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect what the test told, of whatever process it ran in."""
        if report.when != "teardown":
            return
        for name, cell in report.user_properties:
            if name == "planted defect":
                system, defect, check, mode, came = cell
                row = self.rows.setdefault(f"{system}/{defect}", Row(defect, system, check))
                setattr(row, mode, came)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """The table, above pytest's closing line."""
        if not self.rows:
            return
        heads = ("planted defect", "system", "check that catches it", "planted", "twin")
        rows = self.rows.values()
        lines = [heads, *((row.defect, row.system, row.check, row.planted, row.neutral) for row in rows)]
        widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
        terminalreporter.section("planted defects")
        for line in lines:
            terminalreporter.write_line(
                "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            )

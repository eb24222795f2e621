"""Prints the table of planted defects: which check caught each, with which exit code, and its twin's."""

from dataclasses import dataclass, field

import pytest


@dataclass
class Row:
    """One planted defect and what came of it."""

    defect: str
    system: str
    check: str
    planted: str = "not run"
    neutral: str = "not run"


@dataclass
class Table:
    """All of them, in the order in which they ran."""

    rows: dict[str, Row] = field(default_factory=dict)


TABLE = pytest.StashKey[Table]()


@pytest.fixture(scope="session")
def table(pytestconfig: pytest.Config) -> Table:
    """The table of this run."""
    pytestconfig.stash[TABLE] = Table()
    return pytestconfig.stash[TABLE]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """The table, above pytest's closing line."""
    rows = config.stash.get(TABLE, Table()).rows.values()
    if not rows:
        return
    heads = ("planted defect", "system", "check that catches it", "planted", "twin")
    lines = [heads, *((row.defect, row.system, row.check, row.planted, row.neutral) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    terminalreporter.section("planted defects")
    for line in lines:
        terminalreporter.write_line(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        )

"""Tests of the progress display."""

from __future__ import annotations

import io

import pytest

from cutover.run import progress as progress_module
from cutover.run.progress import Progress

pytestmark = pytest.mark.unit


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time in s that the display reads; tests change it."""
    now = [100.0]
    monkeypatch.setattr(progress_module.time, "monotonic", lambda: now[0])
    return now


def test_progress_without_stream_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """Neither standard output nor standard error gets a byte."""
    progress = Progress()
    progress.begin("rows", 10)
    progress.add(10)
    progress.end()
    assert capsys.readouterr() == ("", "")


def test_rate_excludes_units_of_an_earlier_run(clock: list[float]) -> None:
    """The rate and the time left count the units of this run only."""
    progress = Progress(io.StringIO())
    progress.begin("rows of users", 1_000, 600)
    clock[0] += 2
    progress.add(100)
    assert progress.text() == "rows of users: 700 of 1,000 rows, 50/s, 70%, 6 s left"


def test_unknown_total_shows_count_and_rate(clock: list[float]) -> None:
    """A listing shows how many objects were read, without a share."""
    progress = Progress(io.StringIO())
    progress.begin("objects listed", unit="objects")
    clock[0] += 1
    progress.reach(2_000)
    assert progress.text() == "objects listed: 2,000 objects, 2,000/s"


def test_log_gets_a_line_now_and_then(clock: list[float]) -> None:
    """A stream that is no terminal gets the begin, a line every 10 s and the end."""
    stream = io.StringIO()
    progress = Progress(stream)
    progress.begin("replay", 100, unit="lines")
    for _ in range(25):
        clock[0] += 1
        progress.add(4)
    progress.end()
    assert [line.split(" lines")[0] for line in stream.getvalue().splitlines()] == [
        "replay: 0 of 100", "replay: 40 of 100", "replay: 80 of 100", "replay: 100 of 100",
    ]  # fmt: skip


def test_terminal_line_is_cleared_at_the_end(clock: list[float]) -> None:
    """A terminal keeps no line of progress."""
    stream = _Terminal()
    progress = Progress(stream)
    progress.begin("rows", 2)
    clock[0] += 1
    progress.add(1)
    progress.end()
    assert "\n" not in stream.getvalue()
    assert stream.getvalue().endswith("\r\x1b[K")

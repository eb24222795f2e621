"""Earlier parity runs of the same folder of reports, and the rows of the table that compares them with this one."""

from __future__ import annotations

import json
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cutover.report.html.figures import NOT_GIVEN
from cutover.report.html.layout import page_link
from cutover.report.run_data import inner, word, words

RUNS_LIMIT: Final = 20
"""Earlier runs that are read."""

_LARGEST_BYTES: Final = 64 * 2**20
_KEPT: Final = ("schema", "run", "environment", "started", "duration_s", "verdict", "exit_code", "planted", "baseline",
                "candidate", "versions", "totals")  # fmt: skip


@dataclass(frozen=True)
class Run:
    """A row of the table of runs.

    link: its page, None if it has none; systems: the compared systems if they are not legacy and Worker; bar: width
    from 0 to 100, relative to the run with the most undeclared differences.
    """

    data: Mapping[str, Any]
    current: bool
    link: str | None
    systems: str | None
    versions: str
    totals: Mapping[str, Any]
    bar: int


@dataclass(frozen=True)
class Runs:
    """The table of runs, newest first. unreadable: (file, reason) of runs that cannot be read."""

    rows: Sequence[Run]
    earlier: bool
    unreadable: Sequence[tuple[str, str]]


def earlier_runs(folder: Path) -> list[dict[str, Any]]:
    """Return the other runs in the same folder of reports, newest first, at most 20.

    folder: that of this run (reports/RUN). Each run has the data of its row (verdict, times, versions, totals), its
    "folder", and "page", which is True if it has a parity.html. A file that cannot be read is returned as
    {"folder": name, "broken": reason} and does not count among the 20. Runs are opened in the order of their folders'
    names, which begin with the time.
    """
    here = folder.resolve()
    try:
        others = sorted((entry for entry in here.parent.iterdir() if entry != here), key=_name, reverse=True)
    except OSError:
        return []
    good: list[dict[str, Any]] = []
    broken: list[dict[str, Any]] = []
    for entry in others:
        file = entry / "parity.json"
        # A link would show a run twice, or a file from elsewhere.
        if entry.is_symlink() or not file.exists() or len(broken) >= RUNS_LIMIT:
            continue
        try:
            run = _read(file)
        except (OSError, ValueError, RecursionError) as error:
            broken.append({"folder": entry.name, "broken": _why(error)})
            continue
        good.append({**run, "folder": entry.name, "page": (entry / "parity.html").is_file()})
        if len(good) == RUNS_LIMIT:
            break
    return sorted(good, key=lambda run: (run["started"], run["folder"]), reverse=True) + broken


def runs_table(data: Mapping[str, Any], earlier: Sequence[Mapping[str, Any]]) -> Runs:
    """Return this run and the earlier ones, newest first. earlier: the result of `earlier_runs`."""
    readable = [run for run in earlier if "broken" not in run]
    runs = sorted([{**data, "folder": None}, *readable], key=_started, reverse=True)
    most = max((_undeclared(run) for run in runs), default=0.0)
    return Runs(
        [_row(run, most) for run in runs],
        earlier=bool(readable),
        unreadable=[(f"{word(run, 'folder')}/parity.json", word(run, "broken")) for run in earlier if "broken" in run][
            :RUNS_LIMIT
        ],
    )


def _row(run: Mapping[str, Any], most: float) -> Run:
    folder = run.get("folder")
    baseline, candidate = word(run, "baseline"), word(run, "candidate")
    versions = inner(run, "versions") or {}
    return Run(
        run,
        current=folder is None,
        link=page_link(str(folder), "parity.html") if folder is not None and run.get("page") is True else None,
        systems=None if (baseline, candidate) == ("legacy", "worker") else f"{baseline} against {candidate}",
        versions="; ".join(
            f"{system} {', '.join(words(versions, system)) or 'not reported'}" for system in list(versions)[:4]
        )
        or NOT_GIVEN,
        totals=inner(run, "totals") or {},
        bar=round(100 * min(_undeclared(run) / most, 1.0)) if most > 0 else 0,
    )


def _undeclared(run: Mapping[str, Any]) -> float:
    value = (inner(run, "totals") or {}).get("undeclared")
    return float(value) if isinstance(value, (int, float)) and 0 <= value < 1e300 else 0.0


def _started(run: Mapping[str, Any]) -> float:
    started = run.get("started")
    return float(started) if isinstance(started, (int, float)) and abs(started) < 1e300 else 0.0


def _read(file: Path) -> dict[str, Any]:
    status = file.lstat()
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("not a regular file")
    if status.st_size > _LARGEST_BYTES:
        raise ValueError(f"larger than {_LARGEST_BYTES // 2**20} MiB")
    data = json.loads(file.read_text(encoding="utf-8"))
    if not isinstance(data, dict) or data.get("schema") != 1:
        raise ValueError("not a parity run of schema 1")
    started = data.get("started")
    if isinstance(started, bool) or not isinstance(started, (int, float)) or not abs(started) < 1e11:
        raise ValueError("no start time")
    return {key: data.get(key) for key in _KEPT}


def _why(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or "unreadable"
    if isinstance(error, (json.JSONDecodeError, UnicodeDecodeError, RecursionError)):
        return "not valid JSON"
    return str(error)


def _name(entry: Path) -> str:
    return entry.name

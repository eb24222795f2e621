"""Earlier parity runs: found beside this one, and shown with it in one table.

Not for comparing two runs in detail, and not for judging: a run's verdict is its own.
"""

from __future__ import annotations

import json
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from cutover.report.html.markup import Content, Html, element
from cutover.report.html.shell import verdict_tone
from cutover.report.html.tables import NOT_GIVEN, Cell, Tone, bar, code, figure, headings, moment, notice, table, told
from cutover.report.run_data import inner, word, words

RUNS_LIMIT: Final = 20
"""Earlier runs that are read."""

_LARGEST_BYTES: Final = 64 * 2**20
_KEPT: Final = ("schema", "run", "environment", "started", "duration_s", "verdict", "exit_code", "planted", "baseline",
                "candidate", "versions", "totals")  # fmt: skip


def earlier_runs(folder: Path) -> list[dict[str, Any]]:
    """The other runs beside the folder of this one (reports/RUN), newest first, at most 20.

    Each holds what a row needs (verdict, times, versions, totals) and "folder", its name; "page" says whether it
    has a parity.html. A file that cannot be read stands there as {"folder": …, "broken": why} and does not count
    among the 20. Runs are opened in the order of their folders' names, which begin with the time.
    """
    here = folder.resolve()
    try:
        beside = sorted((entry for entry in here.parent.iterdir() if entry != here), key=_name, reverse=True)
    except OSError:
        return []
    good: list[dict[str, Any]] = []
    broken: list[dict[str, Any]] = []
    for entry in beside:
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


def runs_section(data: Mapping[str, Any], earlier: Sequence[Mapping[str, Any]]) -> Html:
    """This run and the earlier ones, newest first, with their verdicts and counts; broken files by name."""
    good = [run for run in earlier if "broken" not in run]
    broken = [run for run in earlier if "broken" in run]
    runs = sorted([{**data, "folder": None}, *good], key=_started, reverse=True)
    most = max((_total(run, "undeclared") for run in runs), default=0.0)
    columns = headings(
        "Started",
        "Run",
        "Verdict",
        "Environment",
        "Versions",
        "Undeclared",
        "Accepted",
        "Noise",
        "Responses compared",
        "Equal",
        "Duration",
        figures={"Undeclared", "Accepted", "Noise", "Responses compared", "Equal", "Duration"},
    )
    return Html(
        table(
            "runs", "This run and earlier ones, newest first", columns, (_row(run, most) for run in runs), nothing=""
        ),
        None if good else element("p", "The folder of reports contains no earlier run.", class_="nothing"),
        [
            notice(Tone.WARN, "Not read: ", code(f"{word(run, 'folder')}/parity.json"), ": ", word(run, "broken"))
            for run in broken[:RUNS_LIMIT]
        ],
    )


def _row(run: Mapping[str, Any], most: float) -> Sequence[Cell | Content]:
    totals = inner(run, "totals") or {}
    verdict = word(run, "verdict")
    undeclared = figure(totals.get("undeclared"))
    return [
        moment(run.get("started")),
        _named(run),
        [told(verdict_tone(verdict), verdict), " (planted fault)" if run.get("planted") else None],
        [word(run, "environment"), _noise_run(run)],
        _versions(run),
        Cell([undeclared.content, bar(_total(run, "undeclared"), most)], order=undeclared.order),
        figure(totals.get("accepted")),
        figure(totals.get("noise")),
        figure(totals.get("answers_compared")),
        figure(totals.get("answers_equal")),
        figure(run.get("duration_s"), "s"),
    ]


def _named(run: Mapping[str, Any]) -> Content:
    name, folder = code(word(run, "run")), run.get("folder")
    if folder is None:
        return [name, element("strong", " this run")]
    if run.get("page") is not True:
        return name
    try:
        return element("a", name, href=f"../{quote(str(folder), safe='')}/parity.html")
    except ValueError:
        # A folder's name that no link of ours may hold; the run is named all the same.
        return name


def _noise_run(run: Mapping[str, Any]) -> str | None:
    sides = word(run, "baseline"), word(run, "candidate")
    return None if sides == ("legacy", "worker") else f" ({sides[0]} against {sides[1]})"


def _versions(run: Mapping[str, Any]) -> Content:
    versions = inner(run, "versions") or {}
    told_by = [f"{system} {', '.join(words(versions, system)) or 'not reported'}" for system in list(versions)[:4]]
    return "; ".join(told_by) or NOT_GIVEN


def _total(run: Mapping[str, Any], key: str) -> float:
    value = (inner(run, "totals") or {}).get(key)
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

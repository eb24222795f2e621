"""Run the migration tool without writing, as the environment declares it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from cutover.config.environment import Environment
from cutover.config.preflight_prerequisites import DryRun
from cutover.config.validation import ConfigurationError
from cutover.core.recorder import Recorder
from cutover.core.safety import SafetyLevel
from cutover.core.secrets import redact
from cutover.preflight.findings import Finding
from cutover.preflight.prerequisites_plan import TOOL, row_counts
from cutover.stores import RowStore

_PASSED: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "VIRTUAL_ENV", "PYTHONPATH")
"""Variables that the tool inherits, besides those that the environment names."""
_SHOWN: Final = 300
PROBLEMS: Final = frozenset(
    {"errors", "failed", "failures", "failed_rows", "left_out", "lost", "not_undone", "rejected"}
)
"""Figures in the tool's summary that must be 0."""


def dry_run_findings(
    project: Path, environment: Environment, tool: DryRun, rows: RowStore | None, recorder: Recorder
) -> Iterator[Finding]:
    """Yield a finding if the dry run fails, or changes the number of rows in D1.

    project: the working folder of the tool. rows: None if the environment names no D1. Where others may write (any
    level below disposable) a changed number is a warning. Raises ConfigurationError if the tool cannot be started.
    """
    before = _counts(rows)
    result = _run(project, environment, tool)
    place = f"environments.toml [{environment.name}.preflight.prerequisites.dry_run]"
    shown = " ".join([Path(tool.command[0]).name, *tool.command[1:2]])
    if isinstance(result, str):
        yield Finding(
            "prerequisites:dry-run-slow", place, f"{shown} to end within {tool.timeout_s:g} s", result, TOOL.promised,
            "run the command in a terminal; raise timeout_s if it needs longer",
        )  # fmt: skip
        return
    recorder.measure("exit code of the dry run", result.returncode, "= 0")
    if result.returncode != 0:
        yield Finding(
            "prerequisites:dry-run-failed", place, f"{shown} to end with exit code 0",
            f"{result.returncode}: {_last_line(result.stderr) or _last_line(result.stdout) or 'no output'}",
            TOOL.promised, "run the command in a terminal, and correct what it reports",
        )  # fmt: skip
    summary = _summary(result.stdout)
    for name, value in summary.items():
        recorder.measure(f"dry run: {name}", value, "= 0" if name in PROBLEMS else "reported")
    problems = {name: value for name, value in summary.items() if name in PROBLEMS and value not in (0, "0", "")}
    if result.returncode == 0 and problems:
        yield Finding(
            "prerequisites:dry-run-problems", place, f"{shown} to report no problem",
            ", ".join(f"{name} = {value}" for name, value in problems.items()), TOOL.promised,
            "correct what the tool reports: its exit code 0 does not say that nothing is lost",
        )  # fmt: skip
    if rows is None:
        recorder.note_undetectable("a dry run that writes to D1: the environment names no d1")
    after = _counts(rows)
    if before == after:
        return
    changed = ", ".join(f"{name} {before[name]} to {after[name]}" for name in before if before[name] != after[name])
    if environment.safety < SafetyLevel.DISPOSABLE:
        recorder.warn(f"D1's number of rows changed during the dry run ({changed}): by it, or by other clients")
        return
    yield Finding(
        "prerequisites:dry-run-wrote", place, f"{shown} to write nothing", f"D1's number of rows changed: {changed}",
        TOOL.promised, "correct the tool: its dry run writes",
    )  # fmt: skip


def _run(project: Path, environment: Environment, tool: DryRun) -> subprocess.CompletedProcess[str] | str:
    """Return the ended process, or a sentence if it took too long."""
    variables = {name: os.environ[name] for name in (*_PASSED, *tool.inherited) if name in os.environ}
    for name, secret in tool.secrets.items():
        variables[name] = environment.secrets[secret].reveal()
    try:
        return subprocess.run(
            tool.command, cwd=project, env=variables, capture_output=True, text=True, errors="replace",
            stdin=subprocess.DEVNULL, timeout=tool.timeout_s, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return f"it was ended after {tool.timeout_s:g} s"
    except OSError as error:
        raise ConfigurationError(
            "environments.toml",
            f"{environment.name}.preflight.prerequisites.dry_run.command",
            f"{tool.command[0]!r} cannot be started: {error.strerror or error}",
            "Name a program that this machine has.",
        ) from None


def _counts(rows: RowStore | None) -> Mapping[str, Any]:
    """Return the number of rows of the plan's tables, in one query."""
    return {} if rows is None else row_counts(rows)


def _summary(output: str) -> dict[str, int | float | str]:
    """Return the figures of the last line if it is a JSON object, as reference/migrate.py prints it."""
    try:
        found = json.loads(_last_line(output))
    except ValueError:
        return {}
    if not isinstance(found, dict):
        return {}
    return {
        str(name): value
        for name, value in found.items()
        if isinstance(value, (int, float, str)) and not isinstance(value, bool)
    }


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return redact(lines[-1])[:_SHOWN] if lines else ""

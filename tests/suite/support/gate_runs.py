"""Gate runs as a user starts them: pytest as a process, its exit code, its output and its files."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cutover.config.validation import root


@dataclass(frozen=True)
class GateRun:
    """A finished gate run: exit code, output and reports folder."""

    code: int
    output: str
    reports: Path

    @property
    def last_line(self) -> str:
        """Return the last printed line."""
        return self.output.rstrip("\n").rpartition("\n")[2]

    @property
    def folder(self) -> Path:
        """Return the run's folder."""
        (folder,) = self.reports.iterdir()
        return folder

    @property
    def verdict(self) -> dict[str, Any]:
        """Return the content of verdict.json."""
        verdict: dict[str, Any] = json.loads((self.folder / "verdict.json").read_text())
        return verdict

    @property
    def records(self) -> list[dict[str, Any]]:
        """Return the records of checks of evidence.jsonl."""
        lines = [json.loads(line) for line in (self.folder / "evidence.jsonl").read_text().splitlines()]
        return [line for line in lines if line["kind"] == "check"]


def clean_environment(**more: str) -> dict[str, str]:
    """Return the caller's environment variables without those that change a gate run."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("CUTOVER_", "PYTEST_", "GITHUB_"))
    }
    return {**kept, **more}


def pytest_command(arguments: Sequence[str]) -> list[str]:
    """Return the command that runs pytest of this virtual environment as a process."""
    return [sys.executable, "-m", "pytest", *arguments]


def run_gate(*arguments: str, reports: Path, project: Path | None = None, **variables: str) -> GateRun:
    """Run pytest in a project (this one by default) and wait for its end."""
    done = subprocess.run(
        pytest_command([*arguments, f"--reports={reports}"]),
        cwd=project or root(),
        env=clean_environment(**variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
        check=False,
    )
    return GateRun(done.returncode, done.stdout, reports)

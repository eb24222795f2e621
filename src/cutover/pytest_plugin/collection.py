"""Collects the checks and their markers without running them: the source of manifest.toml.

`collected_manifest` starts pytest with this module as a plugin, which writes the collected checks.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

import pytest

from cutover.config.manifest import CLOSING, GATES, render
from cutover.config.validation import ConfigurationError
from cutover.core.requirements import RequiredCheck
from cutover.core.safety import SafetyLevel
from cutover.pytest_plugin.markers import level_of, needs_of, owns_of, rule_of, system_of
from cutover.pytest_plugin.selection import gates_of

_OUTPUT: Final = "CUTOVER_MANIFEST_OUTPUT"


def pytest_collection_finish(session: pytest.Session) -> None:
    """Write the manifest of the collected checks to the file that the variable names. Used as a plugin (-p)."""
    if output := os.environ.get(_OUTPUT):
        entries = [
            RequiredCheck(
                gate,
                item.nodeid,
                system_of(item),
                level_of(item),
                _argument(item, "never_waived"),
                needs_of(item),
                owns_of(item),
                rule_of(item),
            )
            for item in session.items
            for gate in gates_of(item)
        ]
        entries += [
            RequiredCheck(gate, check, None, SafetyLevel.TEST_DATA)
            for gate, checks in CLOSING.items()
            for check in checks
        ]
        Path(output).write_text(render(entries), encoding="utf-8")


def _argument(item: pytest.Item, marker: str) -> str | None:
    found = item.get_closest_marker(marker)
    return str(found.args[0]) if found else None


def collected_manifest(project: Path) -> str:
    """Return the text that manifest.toml must have. Raises ConfigurationError if the collection fails."""
    expression = " or ".join(GATES)
    arguments = ["--rootdir", str(project), "--collect-only", "-q", "-p", __name__, "-m", expression, "tests"]
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "manifest.toml"
        environment = {**os.environ, _OUTPUT: str(output), "CUTOVER_ENV": ""}
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *arguments],
            cwd=project,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0 or not output.is_file():
            last = (done.stdout + done.stderr).strip().splitlines()[-3:]
            raise ConfigurationError(
                project / "tests",
                "",
                f"the checks cannot be collected: {' / '.join(last)}",
                f"Run `pytest --collect-only -m '{expression}'` and fix the errors that it prints.",
            )
        return output.read_text(encoding="utf-8")

"""The tutorial docs/your-own-deployment.md: its commands configure the foreign pair, and its gates are GO.

By default only some checks of contract and parity run, which makes these two gates INCONCLUSIVE.
CUTOVER_SENSITIVITY=full runs them completely, as the page gives the commands.
"""

import json
import os
import re
from pathlib import Path
from typing import Final

import pytest
from tests.suite.support.tutorial import copy_of_project, free_ports, run_commands, steps

pytestmark = pytest.mark.verdicts

FULL: Final = os.environ.get("CUTOVER_SENSITIVITY") == "full"
SELECTED: Final = {
    "contract": "access_control or failed_writes or need_a_token",
    "parity": "cut_by_columns or somebody_elses_file or without_a_token",
}
"""Gate -> checks of the short run, the ones that concern isolation and loss of data."""


def _shortened(commands: str) -> str:
    """Return the commands with the selected checks only, and with the exit code 10 that follows from it."""
    for gate, selected in SELECTED.items():
        whole = rf"(?m)^(pytest -m {gate} .*)$"
        commands, count = re.subn(whole, rf'\1 -k "{selected}" || test $? = 10', commands)
        assert count == 1, gate
    return commands


def test_tutorial_ends_with_go(tmp_path: Path) -> None:
    """Each command of the tutorial succeeds, in the order of the page, and no check fails."""
    project = copy_of_project(tmp_path)
    commands = "".join(steps().values())
    done = run_commands(project, commands if FULL else _shortened(commands), free_ports())
    assert done.returncode == 0, done.stdout
    verdicts = [json.loads(file.read_text()) for file in sorted((project / "reports").glob("*/verdict.json"))]
    gates = [gate for verdict in verdicts for gate in verdict["gates"]]
    by_name = {gate["gate"]: gate for gate in gates}
    whole = ("init", "smoke", *(SELECTED if FULL else ()))
    assert [by_name[name]["verdict"] for name in whole] == ["GO"] * len(whole), done.stdout
    assert sorted(gate["verdict"] for gate in gates if gate["gate"] == "doctor") == ["GO", "INCONCLUSIVE"]
    for name in ("smoke", *SELECTED):
        counts = by_name[name]["counts"]
        assert counts["failed"] == 0, done.stdout
        assert counts["passed"] >= 3, done.stdout


def test_every_step_of_the_tutorial_has_commands() -> None:
    """Each step of the page has commands, so the test above runs all of them."""
    assert [heading.partition(".")[0] for heading in steps()] == ["1", "2", "3", "4", "5"]
    commands = "".join(steps().values())
    for word in ("cutover init", "cutover doctor", "pytest -m smoke", "pytest -m contract", "pytest -m parity"):
        assert re.search(rf"^{word} ", commands, re.MULTILINE), word

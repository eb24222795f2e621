"""One run of `cutover doctor`: for each gate, what can run, what is missing, and the line to add."""

from __future__ import annotations

import argparse
import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

from cutover.config.environment import Environment
from cutover.config.environment_option import named_environment
from cutover.config.environments import is_embedded
from cutover.config.manifest import load_manifest
from cutover.config.validation import root
from cutover.core.evidence import Status
from cutover.core.safety import SafetyLevel
from cutover.run.lifecycle import Outcome
from cutover.run.systems_command import SystemsCommand
from cutover.setup.discovery import NOT_FOUND, Probe, routes_of
from cutover.setup.gate_requirements import GATES, GateState, absent_operations, lines_of, states


def run(options: argparse.Namespace) -> int:
    """Diagnose an environment. Return the exit code. Raises ConfigurationError for a broken configuration."""
    project = root()
    _surround(project, options.env, options.pair)
    environment, planted = named_environment(project, options.env, options.pair)
    gates = tuple(options.gate or GATES)
    return DoctorRun(project, environment, gates, planted=planted, reports=options.reports).execute()


def _surround(project: Path, name: str | None, pair: str | None) -> None:
    """Start what an embedded pair presents to the preflight gate: its environment names it then."""
    from cutover.embedded import pair as pairs
    from cutover.embedded.default_pair import NAME
    from cutover.embedded.pair_error import PairError

    name = name or os.environ.get("CUTOVER_ENV")
    if not name or not is_embedded(project, name):
        return
    with contextlib.suppress(PairError):  # the environment is loaded next, and reports a pair that is not up
        pairs.surround(pair or os.environ.get("CUTOVER_PAIR") or NAME)


class DoctorRun(SystemsCommand):
    """A diagnosis. GO if all its gates can run, INCONCLUSIVE if something is missing, INVALID if nothing answers."""

    level = SafetyLevel.READ_ONLY

    def __init__(
        self,
        project: Path,
        environment: Environment,
        gates: Sequence[str],
        *,
        planted: str | None = None,
        reports: Path | None = None,
    ) -> None:
        """gates: the gates to diagnose."""
        super().__init__(project, "doctor", environment, planted=planted, reports=reports)
        self._gates = gates

    def work(self) -> Outcome:
        """Ask each system, then compare the configuration with the manifest. Raises Unreachable, IdentityMismatch."""
        environment = self.target_environment
        lines: list[str] = []
        wrong = 0
        for system in environment.systems:
            found, count = self._of_system(system)
            lines += found
            wrong += count
        diagnosed = [state for state in states(environment, load_manifest(self.project)) if state.gate in self._gates]
        for state in diagnosed:
            lines += lines_of(state, environment.name)
        absent = absent_operations(environment)
        if absent:
            lines.append(f"declared absent, so not checked: {', '.join(sorted(absent))}")
        return Outcome(*_conclusion(diagnosed, wrong), details=lines)

    def _of_system(self, system: str) -> tuple[list[str], int]:
        """Return lines about a system and the number of routes that are wrong."""
        environment = self.target_environment
        named, operations = environment.systems[system], environment.operations[system]
        probe = Probe(self.client, system, named.url)
        lines = []
        health = operations["health"]
        if health.absent is None:
            answer = self.target(system).call("health")
            good = answer.status in health.statuses
            lines.append(f"{system} at {named.url}: health answers {answer.status}")
            if not good:
                lines.append(f"  expected {' or '.join(map(str, health.statuses))} ({health.where})")
        else:
            good = True
            probe.state("/")
            lines.append(f"{system} at {named.url}: has no health route ({health.absent})")
        gone = [name for name, state in routes_of(probe, operations.values()).items() if state == NOT_FOUND]
        for name in gone:
            operation = operations[name]
            lines.append(f"  missing: {operation.method} {operation.path} answers 404 ({name})")
            lines.append(f'    environments.toml [{environment.name}.operations.{name}.{system}]: path = "/…"')
            lines.append('    or: absent = "why"')
        return lines, len(gone) + (not good)


def _conclusion(diagnosed: Sequence[GateState], wrong: int) -> tuple[Status, str]:
    incomplete = [state.gate for state in diagnosed if not state.can_run]
    reasons = [f"gates that cannot run completely: {', '.join(incomplete)}"] if incomplete else []
    reasons += [f"{wrong} route(s) do not answer as configured"] if wrong else []
    if reasons:
        return Status.NOT_VERIFIED, "; ".join(reasons)
    return Status.PASSED, ""

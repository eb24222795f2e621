"""Commands that send requests to the systems of an environment."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cutover.accounts.registered import unremoved
from cutover.client.http import Client
from cutover.client.rate_limiter import RateLimiter
from cutover.config.environments import Environment
from cutover.config.worker_version import check_worker_version, several_versions
from cutover.core.errors import MeasurementError
from cutover.core.safety import KillSwitch, SafetyLevel
from cutover.embedded.folders import base
from cutover.run.lifecycle import Command
from cutover.systems.readiness import become_ready, wrong_clock
from cutover.systems.target import Target


class SystemsCommand(Command):
    """A command with a client for the systems of its environment. Subclasses implement `work`."""

    level = SafetyLevel.TEST_DATA

    def __init__(
        self,
        project: Path,
        name: str,
        environment: Environment,
        *,
        planted: str | None = None,
        reports: Path | None = None,
        show_values: bool = False,
        run_id: str | None = None,
        folder: Path | None = None,
        started: float | None = None,
        request_ids: str | None = None,
        asked_version: str | None = None,
    ) -> None:
        """asked_version: the version of the Worker that must answer, None for any. Raises ConfigurationError for it.

        request_ids: prefix of request ids, default the run id. It differs between the parts of a resumed run."""
        super().__init__(
            project, name, environment, planted=planted, reports=reports, run_id=run_id, folder=folder,
            started=started, asked_version=asked_version,
        )  # fmt: skip
        check_worker_version(project, environment, asked_version)
        self.show_values = show_values
        self.client = Client(
            environment,
            recorder=self.recorder,
            rate_limiter=RateLimiter(base() / "pacing", environment.url, environment.budget),
            kill_switch=KillSwitch(project),
            run=request_ids or self.run_id,
            worker_version=asked_version,
            show_values=show_values,
        )

    def target(self, system: str) -> Target:
        """Return one system of the environment."""
        return Target(system, self.target_environment, self.client, self.recorder)

    def become_ready(self, systems: Iterable[str]) -> None:
        """Wait until these systems are healthy. Raises Unreachable, IdentityMismatch, MeasurementError (clock)."""
        if wrong := wrong_clock([become_ready(self.target(system), self.progress) for system in systems]):
            raise MeasurementError(wrong)

    def cleanup(self) -> None:
        """Close the client's connections."""
        self.client.close()

    def measurement_errors(self) -> list[str]:
        """Return a reason if several versions of the Worker answered."""
        return several_versions(self.client.worker_versions) if self.judges_worker else []

    def complete_facts(self, run_facts: dict[str, Any]) -> None:
        """Add all requests and versions, also of exchanges that a long run dropped, and data that was not removed."""
        run_facts["answered_versions"] = sorted({*run_facts["answered_versions"], *self.client.worker_versions})
        run_facts["requests"] = max(run_facts["requests"], self.client.requests)
        run_facts["leftovers"] += unremoved(self.ledger, run_facts["leftovers"])

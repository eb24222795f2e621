"""One gate run: its options, validated configuration, environment and client."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cutover.accounts.cleanup import LEDGER
from cutover.config.environments import Environment, is_embedded, no_environment
from cutover.config.worker_version import check_worker_version
from cutover.core.errors import NotVerified, Unreachable
from cutover.core.evidence import EvidenceLog, Record
from cutover.core.preconditions import Preconditions
from cutover.core.recorder import Recorder
from cutover.core.requirements import RequiredCheck, Waiver
from cutover.pytest_plugin import gate_configuration, named_environment
from cutover.pytest_plugin.gate_conclusion import Trouble
from cutover.pytest_plugin.gate_pair import GatePair
from cutover.pytest_plugin.selection import asked_gates
from cutover.run.lifecycle import Run

if TYPE_CHECKING:
    from cutover.client.http import Client
    from cutover.systems.target import Target


class GateRun:
    """The options, configuration, environment and client of a gate run, in the controller and in each xdist worker."""

    def __init__(self, config: pytest.Config) -> None:
        """Read and validate all configuration. Raises ConfigurationError; nothing was started or sent."""
        handed: dict[str, Any] | None = getattr(config, "workerinput", {}).get("cutover")
        self.config = config
        self.project: Path = config.rootpath
        self.controls = not hasattr(config, "workerinput")
        self.name = named_environment(config)
        self.asked = asked_gates(config.option.markexpr)
        named = config.option.cutover_reports
        self.run = Run(
            self.project,
            self.asked,
            self.name or "",
            reports=Path(named) if named else None,
            run_id=handed["run"] if handed else None,
            folder=Path(handed["folder"]) if handed else None,
            nonce=config.option.cutover_nonce,
            asked_version=config.option.cutover_version,
        )
        self.pair = GatePair(self.run.run_id)
        self.pair.name = handed["pair"] if handed else None
        self.recorder = Recorder()
        self.trouble = Trouble()
        self.ready: dict[str, tuple[int, float]] = {}
        self.selected_gates: set[str] = set()
        self.waivers: tuple[Waiver, ...] = ()
        self.manifest: tuple[RequiredCheck, ...] = ()
        self.final: int | None = None
        self.lines: list[str] = []
        self._environment: Environment | None = None
        self._client: Client | None = None
        if self.controls:
            self._validate_configuration()
        else:  # the controller has validated it
            self.manifest = gate_configuration.required_checks(self.project)
        self.preconditions = Preconditions(self.manifest)

    @property
    def environment(self) -> Environment:
        """Return the environment. It is loaded on first use: the embedded one has no addresses before it is up.

        Raises Unreachable if the pair has ended already.
        """
        if self._environment is None:
            if self.name is None:
                raise no_environment(self.project)
            pair = None
            if self.pair.name is not None:
                from cutover.embedded import state

                pair = state.read(self.pair.name)
                if pair is None:
                    raise Unreachable(f"the embedded pair {self.pair.name} ended before this process could use it")
                self.run.planted = pair.fault if pair else None
            self._use(gate_configuration.load_for_run(self.config, self.asked, self.name, pair))
        assert self._environment is not None, "loaded above"
        return self._environment

    def load_environment(self) -> None:
        """Load the environment if it is not loaded yet. Raises ConfigurationError."""
        _ = self.environment

    @property
    def loaded(self) -> bool:
        """Return True if the environment could be loaded."""
        return self._environment is not None

    @property
    def client(self) -> Client:
        """Return the HTTP client of this process."""
        if self._client is None:
            from cutover.client.http import Client
            from cutover.client.rate_limiter import RateLimiter
            from cutover.core.safety import KillSwitch
            from cutover.embedded.folders import base

            environment = self.environment
            self._client = Client(
                environment,
                recorder=self.recorder,
                rate_limiter=RateLimiter(base() / "pacing", environment.url, environment.budget),
                kill_switch=KillSwitch(self.project),
                run=self.run_id + os.environ.get("PYTEST_XDIST_WORKER", ""),
                worker_version=self.config.option.cutover_version,
                show_values=self.config.option.cutover_show_values,
            )
        return self._client

    def target(self, system: str) -> Target:
        """Return one system of the environment. Raises NotVerified with the reason if it has none."""
        from cutover.systems.target import Target

        if system not in self.environment.systems:
            raise NotVerified(f"{self.environment.name} has no {system}: {self.environment.absent[system]}")
        return Target(system, self.environment, self.client, self.recorder, self.preconditions)

    @property
    def run_id(self) -> str:
        """Return the id of the run."""
        return self.run.run_id

    @property
    def folder(self) -> Path:
        """Return the folder of the run."""
        return self.run.folder

    @property
    def started(self) -> float:
        """Return the start of the run in Unix seconds."""
        return self.run.started

    @property
    def records(self) -> list[Record]:
        """Return the records of all checks so far."""
        return self.run.records

    @property
    def log(self) -> EvidenceLog | None:
        """Return the evidence file, None before the first check."""
        return self.run.log

    @property
    def ledger(self) -> Path:
        """Return the file that lists the names of test data before they are created."""
        return self.folder / LEDGER

    def _validate_configuration(self) -> None:
        """Validate options, environment, secrets, manifest and waivers. Raises ConfigurationError."""
        gate_configuration.validate_options(self.config)
        self.manifest = gate_configuration.required_checks(self.project)
        gate_configuration.validate_contracts(self.config, self.asked, self.name)
        if self.name is None:
            # Without -m the checks of a run are known after the collection, with -m now.
            if self.config.option.markexpr and not self.config.option.collectonly:
                raise no_environment(self.project)
            return
        if not is_embedded(self.project, self.name):
            self._use(gate_configuration.load_for_run(self.config, self.asked, self.name))
            check_worker_version(self.project, self.environment, self.config.option.cutover_version)
        self.waivers = gate_configuration.valid_waivers(self.project, self.name, self.manifest)

    def _use(self, environment: Environment) -> None:
        self._environment = self.run.environment = environment

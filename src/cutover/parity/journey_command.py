"""Base of `cutover parity learn` and `explore`: play journeys, then write parity.json and parity.html."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cutover.config.environments import Environment
from cutover.config.validation import ConfigurationError
from cutover.core.acceptances import Acceptance
from cutover.core.safety import SafetyLevel
from cutover.core.verdict import GateVerdict
from cutover.parity.accepted_differences import AcceptedDifferences, DeclarationResult
from cutover.parity.assembly import parity_run
from cutover.parity.parity_run import ParityRun
from cutover.parity.report_files import write_parity_files
from cutover.parity.rules import ROLES, Rules
from cutover.parity.summary import Summary
from cutover.parity.totals import ParityTotals
from cutover.run.systems_command import SystemsCommand


class JourneyCommand(SystemsCommand):
    """A command that plays journeys on Django and on a candidate. Subclasses implement `work`."""

    def __init__(
        self,
        project: Path,
        name: str,
        environment: Environment,
        *,
        candidate: str,
        planted: str | None = None,
        reports: Path | None = None,
        show_values: bool = False,
        asked_version: str | None = None,
    ) -> None:
        """Prepare the command. candidate: "worker", or "legacy" to compare Django with itself.

        Raises ConfigurationError if the environment does not allow test data, or cannot prove the asked version.
        """
        if environment.safety < SafetyLevel.TEST_DATA:
            raise ConfigurationError(
                project / "environments.toml",
                f"{environment.name}.safety",
                f"expected test-data or higher, got {environment.safety.label}",
                "Choose another environment.",
            )
        super().__init__(
            project, name, environment, planted=planted, reports=reports, show_values=show_values,
            asked_version=asked_version,
        )  # fmt: skip
        self.candidate = candidate
        self.judges_worker = candidate == "worker"
        self.totals = ParityTotals()
        self.rules: Rules | None = None
        self.decisions: AcceptedDifferences | None = None
        self.declarations: Sequence[DeclarationResult] = ()
        self.proposals: Sequence[Mapping[str, Any]] = ()

    @contextlib.contextmanager
    def parity_run(self, *, seed: int = 0) -> Iterator[ParityRun]:
        """Wait for both systems and yield a parity run. Raises Unreachable, IdentityMismatch and NotVerified."""
        self.become_ready(sorted({"legacy", self.candidate}))
        with parity_run(
            self.project, self.target_environment, self.client, self.recorder, run=self.run_id, ledger=self.ledger,
            candidate=self.candidate, show_values=self.show_values, seed=seed,
        ) as run:  # fmt: skip
            self.rules, self.decisions = run.rules, run.decisions
            yield run

    def acceptances(self) -> Iterable[Acceptance]:
        """Return the accepted differences that occurred."""
        return self.decisions.acceptances(self.totals.accepted) if self.decisions is not None else ()

    def closing_lines(self) -> Iterable[str]:
        """Return lines for the terminal above the verdict."""
        return ()

    def present(self, verdict: GateVerdict, run_facts: Mapping[str, Any]) -> Iterable[str]:
        """Write parity.json and parity.html if the rules were read, and return the closing lines."""
        if self.log is not None and self.rules is not None:
            not_required = dict.fromkeys(ROLES, "this run is not the gate")
            write_parity_files(
                self.log,
                self.folder,
                Summary(self.totals, self.rules, tuple(self.declarations), complete=False, not_required=not_required),
                run_facts,
                verdict,
                statuses={},
                operations=self.target_environment.operations,
                show_values=self.show_values,
                not_asked="no journey of this run requested it",
                more={"proposals": [dict(proposal) for proposal in self.proposals]},
                systems=("legacy", self.candidate),
            )
        return list(self.closing_lines())

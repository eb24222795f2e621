"""`cutover contract explore`: generated requests that differ in each run, until the time limit.

The gate (tests/contract/test_operations.py) generates the same requests in each run.
"""

from __future__ import annotations

import argparse
import secrets
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from cutover.accounts.pool import accounts_on
from cutover.config.environment_option import named_environment
from cutover.config.environments import Environment
from cutover.config.validation import ConfigurationError, root
from cutover.contract.findings import ATTACHMENT, ContractFailed
from cutover.contract.fuzzing import SEQUENCES, Fuzzer
from cutover.contract.request_document import has_links
from cutover.contract.totals import ContractTotals
from cutover.core.acceptances import Acceptance
from cutover.core.errors import CheckFailed, NotVerified
from cutover.core.evidence import Status
from cutover.core.safety import SafetyLevel
from cutover.core.verdict import GateVerdict
from cutover.run.lifecycle import Outcome
from cutover.run.systems_command import SystemsCommand
from cutover.systems.target import Target

EXAMPLES: Final = 60
"""Generated requests of an operation in each round."""
_DAY_MINUTES: Final = 24 * 60


def run(options: argparse.Namespace) -> int:
    """Run the command and return its exit code. Raises ConfigurationError before any request."""
    project = root()
    environment, planted = named_environment(project, options.env, options.pair)
    if environment.safety < SafetyLevel.TEST_DATA:
        raise ConfigurationError(
            project / "environments.toml",
            f"{environment.name}.safety",
            f"expected test-data or disposable, got {environment.safety.label}",
            "Explore another environment.",
        )
    if not 0 < options.minutes <= _DAY_MINUTES:
        raise ConfigurationError(
            "--minutes", "", f"expected a number above 0, up to {_DAY_MINUTES}, got {options.minutes:g}", "Change it."
        )
    if options.system not in environment.systems:
        raise ConfigurationError(
            "--system", "", f"{environment.name} has no {options.system}", "Name the other system."
        )
    if undocumented := environment.absent.get(f"{options.system}_document"):
        raise ConfigurationError(
            project / "environments.toml",
            f"{environment.name}.contract.{options.system}",
            undocumented,
            "Name the deployment's document: requests are generated from it.",
        )
    return ExploreCommand(project, environment, options, planted=planted).execute()


class ExploreCommand(SystemsCommand):
    """A run that checks generated requests in rounds over the operations of one system."""

    def __init__(
        self, project: Path, environment: Environment, options: argparse.Namespace, *, planted: str | None
    ) -> None:
        """Create the run. options: of the command line."""
        super().__init__(
            project, "contract explore", environment, planted=planted, reports=options.reports,
            show_values=options.show_values, asked_version=options.worker_version,
        )  # fmt: skip
        self.totals = ContractTotals()
        self._seed = options.seed or secrets.token_hex(4)
        self._system: str = options.system
        self.judges_worker = options.system == "worker"
        self._operations: list[str] | None = options.operation
        self._seconds: float = options.minutes * 60

    def work(self) -> Outcome:
        """Send rounds of generated requests until the time limit. Raises ConfigurationError."""
        target = self.target(self._system)
        fuzzer = Fuzzer(self.project, self.target_environment, target, self.recorder)
        known = fuzzer.names
        names = self._operations or [*known, *(["sequences"] if has_links(fuzzer.contract) else [])]
        for name in names:
            if name != "sequences" and name not in known:
                raise ConfigurationError("--operation", "", f"no operation {name!r}", f"One of: {', '.join(known)}.")
        self.become_ready([self._system])
        deadline = time.monotonic() + self._seconds
        round_number = 0
        while time.monotonic() < deadline:
            round_number += 1
            for name in names:
                if time.monotonic() >= deadline:
                    break
                self._check(target, name, f"{self._seed}-{round_number}")
            self.progress(f"{self.totals.sent} requests, {len(self.totals.findings)} finding(s)")
        if len(self.totals.findings):
            return Outcome(Status.FAILED, f"{len(self.totals.findings)} finding(s)")
        if not self.totals.sent:
            return Outcome(Status.NOT_VERIFIED, "no request was sent")
        return Outcome(Status.PASSED)

    def acceptances(self) -> list[Acceptance]:
        """Return the known violations that were found."""
        return self.totals.acceptances

    def present(self, verdict: GateVerdict, run_facts: Mapping[str, Any]) -> Iterable[str]:
        """Write contract.json and return the totals for the terminal."""
        del verdict, run_facts
        if self.log is not None:
            self.log.write(
                "contract.json", self.totals.as_json({"run": self.run_id, "environment": self.environment_name})
            )
        return [*self.totals.lines(), f"--seed {self._seed} generates the same requests again"]

    def _check(self, target: Target, name: str, seed: str) -> None:
        """Check one operation, or the sequences, in one round with new accounts."""
        recorder = self.recorder
        fuzzer = Fuzzer(self.project, self.target_environment, target, recorder, seed=seed)
        accounts = accounts_on(target, self.run_id, self.ledger, at_once=1)
        try:
            if name == "sequences":
                fuzzer.check_sequences(accounts, sequences=2 * SEQUENCES)
            else:
                fuzzer.check_operation(name, accounts, examples=EXAMPLES)
        except ContractFailed as error:
            self.progress(str(error))
        except (CheckFailed, NotVerified) as error:
            self.progress(str(error).splitlines()[0])
        finally:
            accounts.close(recorder)
        # The exchanges of all rounds would exceed the memory: keep only the last one, the findings and the leftovers.
        attached = recorder.attachments.get(ATTACHMENT)
        leftovers, limited, exchanges = recorder.leftovers, recorder.rate_limited, recorder.exchanges[-1:]
        recorder.take()
        recorder.leftovers, recorder.rate_limited, recorder.exchanges = leftovers, limited, exchanges
        if attached is not None:
            self.totals.add(seed + name, attached)

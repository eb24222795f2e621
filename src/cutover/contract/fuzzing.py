"""Fuzzing of one operation (examples, coverage, generated requests), or of sequences of operations along links.

It connects generation, sending and schemathesis' checks for tests/contract, `cutover contract explore` and
benchmarks/contract.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cutover.accounts.registered import Accounts
from cutover.client.http import Answer
from cutover.config.environments import Environment
from cutover.contract.budget_split import split_budget
from cutover.contract.document import FILES, Contract, read_contract
from cutover.contract.findings import Finding, Findings, Place, conclude, place_of
from cutover.contract.known_violations import KnownViolations, load_known_violations
from cutover.contract.request_document import has_links, request_document
from cutover.contract.request_sequence import Sequence
from cutover.contract.valid_requests import UNAUTHENTICATED
from cutover.core.errors import CheckFailed, LocalRuntimeAnswer, MeasurementError, NotApplicable, NotVerified
from cutover.core.recorder import Recorder
from cutover.core.rule_table import Rule
from cutover.systems.target import Target

GATE_SEED: Final = "gate"
EXAMPLES: Final = 40
"""Generated requests of an operation, in addition to examples and coverage. docs/contract.md has the measurement."""
SEQUENCES_NAME: Final = "sequences"
SEQUENCES: Final = 25
STEPS: Final = 6
_SILENT: Final = 3
_SILENT_IN_ALL: Final = 4
"""Limit of requests without a complete response, of an operation and in a row: each one takes timeout_s."""
_BUDGET: Final = "the request budget of this environment and --contract-minutes allow no more"
_SILENCE: Final = "the deployment stopped responding, or its responses are incomplete"


@dataclass
class RequestCounts:
    """The number of requests to one operation.

    planned: generated requests. unsendable: generated requests that this client cannot send. by_runtime: requests that
    the local runtime answered instead of the Worker. limit: maximum number by
    the split of the budget, None for no limit.
    """

    planned: int = 0
    sent: int = 0
    unsendable: int = 0
    by_runtime: int = 0
    phases: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    limit: int | None = None

    def as_json(self) -> dict[str, Any]:
        """Return plain data."""
        statuses = {str(status): count for status, count in sorted(self.statuses.items())}
        return {**vars(self), "phases": dict(self.phases), "statuses": statuses}


class Fuzzer:
    """Generator, sender and checker of the requests to one system in one process."""

    def __init__(
        self,
        project: Path,
        environment: Environment,
        target: Target,
        recorder: Recorder,
        *,
        minutes: float | None = None,
        seed: str = GATE_SEED,
        contract: Contract | None = None,
    ) -> None:
        """Read the contract. minutes: time limit of the whole gate. Raises ConfigurationError."""
        self.environment, self.target, self.recorder, self.seed = environment, target, recorder, seed
        own = environment.contracts.get(target.system)
        # A document of the suite contains its conventions.
        self.document_rule = Rule.OPENAPI if own is not None and own.file is not None else Rule.DOCUMENT
        found = contract or read_contract((own and own.file) or project / FILES[target.system])
        self.known_violations = (
            load_known_violations(project, environment.files.get("known_violations"))
            if target.system == "legacy"
            else KnownViolations({})
        )
        self.contract = request_document(found, environment.operations[target.system])
        self.source = Path(found.source).name
        bodies = {described.name: described.has_body for described in self.contract.operations()}
        self.limits: Mapping[str, int] | None = split_budget(bodies, environment.budget, minutes)
        self.silent = 0

    @property
    def names(self) -> list[str]:
        """Return the operations of the document that the environment has."""
        return [described.name for described in self.contract.operations()]

    def check_operation(self, name: str, accounts: Accounts | None, *, examples: int = EXAMPLES) -> None:
        """Check one operation against the contract. accounts: None for anonymous requests only.

        Raises ContractFailed, the errors of Client.send, and NotVerified if there is no finding and not all requests
        were sent. The record gets the findings, the counts and the hash of the sequence. Raises NotApplicable if the
        environment does not have the operation, or if its own document does not describe it.
        """
        self._require(name)
        check = self._begin(name, accounts)
        for phase, cases in check.listed_cases():
            for case in cases:
                check.take(case, phase)
        check.fuzz(examples)
        self._end(check)

    def _require(self, name: str) -> None:
        """Raise NotApplicable if the configuration leaves nothing to check; NotVerified if our document does."""
        self.target.operation(name)
        if name not in self.names:
            own = self.environment.contracts.get(self.target.system)
            kind = NotApplicable if own is not None and own.file is not None else NotVerified
            raise kind(f"{self.source} does not describe {name}")

    def check_sequences(self, accounts: Accounts, *, sequences: int = SEQUENCES, steps: int = STEPS) -> None:
        """Check sequences of operations along the links of the contract. Raises the errors of `check_operation`."""
        if not has_links(self.contract):
            own = self.environment.contracts.get(self.target.system)
            kind = NotApplicable if own is not None and own.file is not None else NotVerified
            raise kind(f"{self.source} has no links, so no sequences of operations follow from it")
        check = self._begin(SEQUENCES_NAME, accounts)
        check.follow_links(sequences, steps)
        self._end(check)

    def _begin(self, name: str, accounts: Accounts | None) -> _OperationCheck:
        self.recorder.incomplete = f"the requests to {name} were interrupted"  # `_end` replaces the text
        return _OperationCheck(self, name, accounts)

    def _end(self, check: _OperationCheck) -> None:
        counts = check.counts
        self.recorder.measure(f"requests to {check.name}", counts.sent, f"{counts.planned} planned", sample=counts.sent)
        incomplete = ""
        if check.stopped:
            incomplete = f"{counts.sent} of {counts.planned} requests to {check.name} were sent: {check.stopped}"
        elif not counts.sent:
            incomplete = f"no request to {check.name} could be sent in this environment"
        elif check.by_runtime:
            incomplete = f"{counts.by_runtime} requests to {check.name} did not reach the Worker: {check.by_runtime}"
        self.recorder.incomplete = incomplete
        if check.error is not None:
            raise check.error
        self.target.blocked |= check.blocked
        findings, known = self.known_violations.split(
            check.judged_findings(), check.name, whole=not (check.stopped or check.by_runtime)
        )
        conclude(
            findings,
            self.recorder,
            known_violations=[finding.as_json() for finding in known],
            system=self.target.system,
            operations={check.name: counts.as_json()},
            sequence=check.sequence.hash,
            seed=self.seed,
        )
        if incomplete:
            raise NotVerified(incomplete)


class _OperationCheck:
    """The running check of one operation, or of the sequences."""

    def __init__(self, fuzzer: Fuzzer, name: str, accounts: Accounts | None) -> None:
        from cutover.contract.prerequisites import Prerequisites
        from cutover.contract.request_generation import RequestGenerator
        from cutover.contract.sending import Sender

        self.name, self._fuzzer = name, fuzzer
        self.findings, self.counts, self.sequence = Findings(), RequestCounts(), Sequence()
        self.counts.limit = fuzzer.limits[name] if fuzzer.limits is not None else None
        self.stopped = self.by_runtime = ""
        self._silent = self._taken = 0
        # Raised after the generation has ended: Hypothesis would repeat a failing input and report it as flaky if it
        # passes the second time.
        self.error: MeasurementError | None = None
        self._confirmed: set[str] = set()
        if self._silenced:
            raise NotVerified(f"no request to {name} was sent: {_SILENCE}")
        placeholders = fuzzer.contract.placeholders
        self._prerequisites = Prerequisites(fuzzer.target, accounts, self.sequence)
        for key, value in placeholders.items():
            self.sequence.know(value, key)
        self.sender = Sender(fuzzer.target, self._prerequisites, self.sequence, placeholders)
        # One generator for each operation: schemathesis' schema remembers the methods that it generated for a path, so
        # a shared one would make the sequence depend on the order of the operations.
        self.generator = RequestGenerator(
            fuzzer.contract, fuzzer.target.url, token=lambda: self._prerequisites.token, probe=self.sender.probe,
            seed=fuzzer.seed,
        )  # fmt: skip
        if name not in UNAUTHENTICATED:
            try:
                self._prerequisites.require_owner()  # first: its failure is not attributed to a generated request
            except CheckFailed:
                fuzzer.silent += 1
                raise

    @property
    def blocked(self) -> dict[str, str]:
        """Return what blocks a part of the check: broken precondition -> what was observed."""
        return self._prerequisites.blocked

    def judged_findings(self) -> Findings:
        """Return the findings, without those about operations of a sequence that are broken (`Target.is_broken`)."""
        if self.name != SEQUENCES_NAME:
            return self.findings
        kept = Findings()
        for finding in self.findings:
            if not all(self._fuzzer.target.is_broken(place.operation) for place in finding.places):
                kept.add(finding)
        return kept

    def listed_cases(self) -> Iterator[tuple[str, Iterable[Any]]]:
        """Yield (phase, requests) for the phases with a fixed list of requests."""
        for phase, found in (
            ("examples", self.generator.examples(self.name)),
            ("coverage", self.generator.coverage(self.name)),
        ):
            self.counts.planned += len(found)
            yield phase, found

    def fuzz(self, examples: int) -> None:
        """Generate and check requests up to the limit."""
        limit = self.counts.limit
        left = examples if limit is None else min(examples, limit - self.counts.sent)
        before = self._taken
        if left > 0:
            self.generator.fuzz(self.name, left, lambda case: self.take(case, "fuzzing"))
        if left < examples:
            self._stop(_BUDGET)
        # An operation without parameters and body has only one request.
        self.counts.planned += examples if self.stopped else self._taken - before

    def follow_links(self, sequences: int, steps: int) -> None:
        """Generate and check sequences of operations up to the limit."""
        limit = self.counts.limit
        count = sequences if limit is None else min(sequences, max(limit // steps, 0))
        if count > 0:
            self.generator.sequences(count, steps, self._send_step, self._inspect_step, self._continues)
        if count < sequences:
            self._stop(_BUDGET)
        if self._silenced:
            self._stop(_SILENCE)
        self.counts.planned += sequences * steps if self.stopped else self.counts.sent

    @property
    def _silenced(self) -> bool:
        return self._silent >= _SILENT or self._fuzzer.silent >= _SILENT_IN_ALL

    def _continues(self) -> bool:
        return not self._silenced and self.error is None

    def take(self, case: Any, phase: str) -> None:
        """Send one generated request and collect the findings of its response."""
        if self.counts.limit is not None and self.counts.sent >= self.counts.limit:
            self._stop(_BUDGET)
            return
        if self._silenced:
            self._stop(_SILENCE)
            return
        if self.error is not None:
            return
        self._taken += 1
        response = self._send(case, phase)
        if response is not None:
            self._inspect(case, response, phase, None)

    def _send(self, case: Any, phase: str, linked: frozenset[str] = frozenset()) -> Any:
        from cutover.contract.sending import NotSendable

        try:
            response = self.sender.send(case, linked)
        except NotSendable:
            self.counts.unsendable += 1
            return None
        except LocalRuntimeAnswer as error:
            self._take_runtime_answer(error)
            return None
        except CheckFailed as error:
            self._add_no_response(error)
            return None
        except MeasurementError as error:
            self.error = self.error or error
            return None
        self._fuzzer.silent = 0
        self.counts.sent += 1
        self.counts.phases[phase] += 1
        self.counts.statuses[response.status_code] += 1
        return response

    def _send_step(self, case: Any, linked: frozenset[str]) -> Any:
        import hypothesis

        response = self._send(case, "sequences", linked)
        if response is None:
            hypothesis.reject()  # the sequence ends here
        return response

    def _inspect_step(self, response: Any, case: Any, recorder: Any, linked: frozenset[str]) -> None:
        self._inspect(case, response, "sequences", recorder, linked)

    def _inspect(
        self, case: Any, response: Any, phase: str, recorder: Any, linked: frozenset[str] = frozenset()
    ) -> None:
        from cutover.contract.schemathesis_checks import failures_of, finding_of
        from cutover.contract.sending import NotSendable

        answer = self.sender.last
        assert answer is not None
        try:
            found = failures_of(case, response, recorder, self._confirmed, linked)
        except LocalRuntimeAnswer as error:
            self._take_runtime_answer(error)
            return
        except CheckFailed as error:
            self._add_no_response(error)
            return
        except MeasurementError as error:
            self.error = self.error or error
            return
        except NotSendable:  # an additional request of a check
            return
        target = self._fuzzer.target
        for failure in found:
            finding = finding_of(
                failure,
                case,
                response,
                system=target.system,
                operation=answer.request.operation,
                source=self._fuzzer.source,
                place=self._place(answer, phase),
                document_rule=self._fuzzer.document_rule,
            )
            declared = target.operation(answer.request.operation).refused_with(401)
            if finding.check == "rejected-positive-data" and not self.sender.repeats_password(case):
                continue  # the request was not valid
            if finding.breaks == Rule.STATUSES and response.status_code in declared:
                continue  # the environment declares this status for a missing token
            if target.judges(Rule(finding.breaks)):
                self.findings.add(finding)

    def _place(self, answer: Answer, phase: str) -> Place:
        seed = f"{self._fuzzer.seed}/{self.name}/{phase}/{self.counts.sent}"
        return place_of(answer, seed=seed)

    def _take_runtime_answer(self, error: LocalRuntimeAnswer) -> None:
        """Count a request that the local runtime answered. The other requests of the check are still sent."""
        self.counts.by_runtime += 1
        self.by_runtime = self.by_runtime or str(error)

    def _add_no_response(self, error: CheckFailed) -> None:
        self._silent += 1
        self._fuzzer.silent += 1
        defect, _, operation = error.finding.partition(":")
        lines = [line.strip().split(None, 1) for line in str(error).splitlines()[1:]]
        parts = {line[0]: line[1] for line in lines if len(line) == 2}
        place = Place(operation.partition(":")[0], request=parts.get("from", ""), response=parts.get("got", ""))
        self.findings.add(
            Finding(
                check="answer",
                defect=defect,
                system=self._fuzzer.target.system,
                rule="RFC 9110 and RFC 9112",
                expected=parts.get("expected", ""),
                got=parts.get("got", ""),
                places=(place,),
                do_next=parts.get("next", ""),
            )
        )

    def _stop(self, reason: str) -> None:
        self.stopped = self.stopped or reason

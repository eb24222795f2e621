"""Holds one operation to its contract: examples, coverage, fuzzing; and operations together along the links.

The checks of tests/contract, `cutover contract explore` and benchmarks/contract.py work through this. Not for
drawing, sending or judging, which it puts together.
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
from cutover.contract.budget_split import shares
from cutover.contract.document import FILES, Contract, read_contract
from cutover.contract.findings import Finding, Findings, Place, place_of, show
from cutover.contract.known_violations import KnownViolations, load_known_violations
from cutover.contract.request_sequence import Sequence
from cutover.core.errors import CheckFailed, MeasurementError, NotVerified
from cutover.core.recorder import Recorder
from cutover.systems.target import Target

GATE_SEED: Final = "gate"
EXAMPLES: Final = 40
"""So many requests are drawn for an operation beside examples and coverage: docs/contract.md has the measurement."""
SEQUENCES: Final = 25
STEPS: Final = 6
_SILENT: Final = 3
_SILENT_IN_ALL: Final = 4
"""After so many requests without an answer an operation, or the whole process, asks no more: each costs timeout_s."""
_BUDGET: Final = "the budget of this environment and the minutes given allow no more"
_SILENCE: Final = "the deployment does not answer any more, or breaks its answers off"


@dataclass
class Counted:
    """What was sent to one operation. planned: how many requests there were; unsendable: what no client can send."""

    planned: int = 0
    sent: int = 0
    unsendable: int = 0
    phases: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    share: int | None = None

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        statuses = {str(status): count for status, count in sorted(self.statuses.items())}
        return {**vars(self), "phases": dict(self.phases), "statuses": statuses}


class Fuzzer:
    """Draws, sends and judges the requests of one system in one process."""

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
        """minutes: that the whole gate may take. Raises ConfigurationError for the contract."""
        self.environment, self.target, self.recorder, self.seed = environment, target, recorder, seed
        own = environment.contracts.get(target.system)
        found = contract or read_contract((own and own.file) or project / FILES[target.system])
        self.debts = load_known_violations(project) if target.system == "legacy" else KnownViolations({})
        self.contract = found.placed(environment.operations[target.system])
        self.source = Path(found.source).name
        bodies = {described.name: described.has_body for described in self.contract.operations()}
        self.shares: Mapping[str, int] | None = shares(bodies, environment.budget, minutes)
        self.silent = 0

    @property
    def names(self) -> list[str]:
        """The operations of the document that this environment has."""
        return [described.name for described in self.contract.operations()]

    def hold(self, name: str, accounts: Accounts | None, *, examples: int = EXAMPLES) -> None:
        """Hold one operation to the contract. accounts: None where only anonymous requests are sent.

        Raises ContractFailed; NotVerified when nothing was found and not everything was sent; and what Client.send
        raises. The record carries findings, counts and the hash of the sequence.
        """
        held = self._begin(name, accounts)
        for phase, cases in held.listed():
            for case in cases:
                held.take(case, phase)
        held.fuzz(examples)
        self._end(held)

    def hold_together(self, accounts: Accounts, *, sequences: int = SEQUENCES, steps: int = STEPS) -> None:
        """Hold the operations to the contract in sequences along its links. Raises as `hold` does."""
        held = self._begin("sequences", accounts)
        held.follow_links(sequences, steps)
        self._end(held)

    def _begin(self, name: str, accounts: Accounts | None) -> _Held:
        self.recorder.incomplete = f"the requests to {name} were broken off"  # until `_end` knows how far they went
        return _Held(self, name, accounts)

    def _end(self, held: _Held) -> None:
        counted = held.counted
        self.recorder.measure(f"requests to {held.name}", counted.sent, f"{counted.planned} drawn", sample=counted.sent)
        unshown = ""
        if held.stopped:
            unshown = f"{counted.sent} of {counted.planned} requests to {held.name} were sent: {held.stopped}"
        elif not counted.sent:
            unshown = f"no request to {held.name} could be sent here"
        self.recorder.incomplete = unshown
        if held.untrusted is not None:
            raise held.untrusted
        findings, debts = self.debts.split(held.findings, held.name, whole=not held.stopped)
        show(
            findings,
            self.recorder,
            debts=[debt.as_json() for debt in debts],
            system=self.target.system,
            operations={held.name: counted.as_json()},
            sequence=held.sequence.hash,
            seed=self.seed,
        )
        if unshown:
            raise NotVerified(unshown)


class _Held:
    """One operation while it is held to its contract."""

    def __init__(self, fuzzer: Fuzzer, name: str, accounts: Accounts | None) -> None:
        from cutover.contract.prerequisites import Prerequisites
        from cutover.contract.request_generation import Drawn
        from cutover.contract.sending import Sender

        self.name, self._fuzzer = name, fuzzer
        self.findings, self.counted, self.sequence = Findings(), Counted(), Sequence()
        self.counted.share = fuzzer.shares[name] if fuzzer.shares is not None else None
        self.stopped = ""
        self._silent = self._taken = 0
        # Raised when the drawing is over and not into it: Hypothesis would draw the same once more, and call it flaky
        # when that goes well.
        self.untrusted: MeasurementError | None = None
        self._confirmed: set[str] = set()
        if self._silenced:
            raise NotVerified(f"no request to {name} was sent: {_SILENCE}")
        placeholders = fuzzer.contract.stands_for
        self._supplies = Prerequisites(fuzzer.target, accounts, self.sequence)
        for key, value in placeholders.items():
            self.sequence.know(value, key)
        self.sender = Sender(fuzzer.target, self._supplies, self.sequence, placeholders)
        # One for each operation: a document that was drawn from remembers which methods of a path it has asked, and the
        # order in which two processes take the operations would show in the sequence.
        self.drawn = Drawn(
            fuzzer.contract, fuzzer.target.url, token=lambda: self._supplies.token, probe=self.sender.probe,
            seed=fuzzer.seed,
        )  # fmt: skip
        try:
            _ = self._supplies.owner  # who asks comes first: what goes wrong there is no fault of a drawn request
        except CheckFailed:
            fuzzer.silent += 1
            raise

    def listed(self) -> Iterator[tuple[str, Iterable[Any]]]:
        """Phase and its requests, of the phases that list them."""
        for phase, found in (
            ("examples", self.drawn.examples(self.name)),
            ("coverage", self.drawn.coverage(self.name)),
        ):
            self.counted.planned += len(found)
            yield phase, found

    def fuzz(self, examples: int) -> None:
        """Requests that Hypothesis draws, as far as the share goes."""
        share = self.counted.share
        left = examples if share is None else min(examples, share - self.counted.sent)
        before = self._taken
        if left > 0:
            self.drawn.fuzz(self.name, left, lambda case: self.take(case, "fuzzing"))
        if left < examples:
            self._stop(_BUDGET)
        # An operation that takes nothing has one request, however many are asked for.
        self.counted.planned += examples if self.stopped else self._taken - before

    def follow_links(self, sequences: int, steps: int) -> None:
        """Sequences of operations, as far as the share goes."""
        share = self.counted.share
        wanted = sequences if share is None else min(sequences, max(share // steps, 0))
        if wanted > 0:
            self.drawn.sequences(wanted, steps, self._send_step, self._judge_step, self._goes_on)
        if wanted < sequences:
            self._stop(_BUDGET)
        if self._silenced:
            self._stop(_SILENCE)
        self.counted.planned += sequences * steps if self.stopped else self.counted.sent

    @property
    def _silenced(self) -> bool:
        return self._silent >= _SILENT or self._fuzzer.silent >= _SILENT_IN_ALL

    def _goes_on(self) -> bool:
        return not self._silenced and self.untrusted is None

    def take(self, case: Any, phase: str) -> None:
        """Send one drawn request and note what is wrong with the answer."""
        if self.counted.share is not None and self.counted.sent >= self.counted.share:
            self._stop(_BUDGET)
            return
        if self._silenced:
            self._stop(_SILENCE)
            return
        if self.untrusted is not None:
            return
        self._taken += 1
        response = self._send(case, phase)
        if response is not None:
            self._judge(case, response, phase, None)

    def _send(self, case: Any, phase: str, linked: frozenset[str] = frozenset()) -> Any:
        from cutover.contract.sending import NotSendable

        try:
            response = self.sender.send(case, linked)
        except NotSendable:
            self.counted.unsendable += 1
            return None
        except CheckFailed as error:
            self._note_silence(error)
            return None
        except MeasurementError as error:
            self.untrusted = self.untrusted or error
            return None
        self.counted.sent += 1
        self.counted.phases[phase] += 1
        self.counted.statuses[response.status_code] += 1
        return response

    def _send_step(self, case: Any, linked: frozenset[str]) -> Any:
        import hypothesis

        response = self._send(case, "sequences", linked)
        if response is None:
            hypothesis.reject()  # the sequence ends here
        return response

    def _judge_step(self, response: Any, case: Any, recorder: Any, linked: frozenset[str]) -> None:
        self._judge(case, response, "sequences", recorder, linked)

    def _judge(self, case: Any, response: Any, phase: str, recorder: Any, linked: frozenset[str] = frozenset()) -> None:
        from cutover.contract.schemathesis_checks import failures_of, finding_of
        from cutover.contract.sending import NotSendable

        answer = self.sender.last
        assert answer is not None
        try:
            found = failures_of(case, response, recorder, self._confirmed, linked)
        except CheckFailed as error:
            self._note_silence(error)
            return
        except MeasurementError as error:
            self.untrusted = self.untrusted or error
            return
        except NotSendable:  # what a check wanted to ask in addition
            return
        for failure in found:
            self.findings.add(
                finding_of(
                    failure,
                    case,
                    response,
                    system=self._fuzzer.target.system,
                    operation=answer.request.operation,
                    source=self._fuzzer.source,
                    place=self._place(answer, phase),
                )
            )

    def _place(self, answer: Answer, phase: str) -> Place:
        seed = f"{self._fuzzer.seed}/{self.name}/{phase}/{self.counted.sent}"
        return place_of(answer, seed=seed)

    def _note_silence(self, error: CheckFailed) -> None:
        self._silent += 1
        self._fuzzer.silent += 1
        word, _, operation = error.finding.partition(":")
        lines = [line.strip().split(None, 1) for line in str(error).splitlines()[1:]]
        told = {line[0]: line[1] for line in lines if len(line) == 2}
        place = Place(operation.partition(":")[0], request=told.get("from", ""), response=told.get("got", ""))
        self.findings.add(
            Finding(
                check="answer",
                defect=word,
                system=self._fuzzer.target.system,
                rule="RFC 9110 and RFC 9112",
                expected=told.get("expected", ""),
                got=told.get("got", ""),
                places=(place,),
                do_next=told.get("next", ""),
            )
        )

    def _stop(self, why: str) -> None:
        self.stopped = self.stopped or why

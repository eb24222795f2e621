"""What the contract gate found: one defect is one finding, however many operations show it.

Not for finding, and not for deciding: checks do the one, verdict.py the other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self

from cutover.client.curl import curl_command
from cutover.client.http import Answer
from cutover.core.errors import CheckFailed
from cutover.core.recorder import Recorder
from cutover.core.secrets import redact

ATTACHMENT: Final = "contract"
"""Under this name a check's record carries what it found and did; the run's end adds it up (contract.json)."""
SECURITY: Final = ("ignored-auth", "use-after-free", "missing-header-not-rejected")
"""Checks whose findings concern who may do what: neither a debt of the legacy system nor a waiver covers them."""
PLACES_SHOWN: Final = 12
EXAMPLES_KEPT: Final = 3


@dataclass(frozen=True)
class Place:
    """Where a defect showed itself: operation (contracts/operations.toml), who asked, and one exchange that shows it.

    seed: what draws the same request again, "" for one that was not drawn. Texts are redacted by `place_of`.
    """

    operation: str
    role: str = ""
    request: str = ""
    response: str = ""
    curl: str = ""
    seed: str = ""

    @property
    def name(self) -> str:
        """For lists: operation, and the role where the check goes through several."""
        return f"{self.operation} as {self.role}" if self.role else self.operation


def place_of(answer: Answer, *, role: str = "", seed: str = "", variables: Mapping[str, str] | None = None) -> Place:
    """The place that this answer shows. variables: secret value -> name of the shell variable that stands for it."""
    request = answer.request
    path = request.url.partition("://")[2].partition("/")[2]
    return Place(
        request.operation,
        role,
        redact(f"{request.method} /{path} (request {answer.request_id})"),
        answer.excerpt,
        curl_command(request, variables=variables or {}),
        seed,
    )


@dataclass(frozen=True)
class Finding:
    """One defect, and where it shows.

    check: what was checked, a stable word ("token:alg-none", "status_code_conformance"). defect: what is wrong, with
    no operation and no value that changes from run to run ("418 is not documented"). rule: where the promise stands
    ("contracts/api.md Everywhere: Statuses", "RFC 9110 15.5.2").
    """

    check: str
    defect: str
    system: str
    rule: str
    expected: str
    got: str
    places: tuple[Place, ...] = ()
    do_next: str = ""

    @property
    def name(self) -> str:
        """What the fingerprint is made of: the same defect on another operation has the same name."""
        return f"{self.check}:{self.system}:{self.defect}"

    @property
    def fingerprint(self) -> str:
        """12 hex digits that name the defect, the same in every run and on every operation."""
        return hashlib.sha256(self.name.encode()).hexdigest()[:12]

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            **vars(self),
            "name": self.name,
            "fingerprint": self.fingerprint,
            "places": [dict(vars(place)) for place in self.places],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The finding that `as_json` gave. Raises KeyError, TypeError for anything else."""
        known = {name: data[name] for name in ("check", "defect", "system", "rule", "expected", "got", "do_next")}
        return cls(**known, places=tuple(Place(**place) for place in data["places"]))


@dataclass
class Findings:
    """Findings by defect, in the order in which they were first seen."""

    by_name: dict[str, Finding] = field(default_factory=dict)

    def add(self, finding: Finding) -> None:
        """Add one; of a defect that is known only its new places. Of a place the first examples are kept."""
        held = self.by_name.get(finding.name)
        if held is None:
            self.by_name[finding.name] = finding
            return
        places = list(held.places)
        for place in finding.places:
            if sum(other.name == place.name for other in places) < EXAMPLES_KEPT:
                places.append(place)
        self.by_name[finding.name] = _with_places(held, places)

    def merge(self, others: Iterable[Finding]) -> None:
        """Add all of them."""
        for finding in others:
            self.add(finding)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.by_name.values())

    def __len__(self) -> int:
        return len(self.by_name)

    def failure(self) -> ContractFailed | None:
        """The failure of a check that found these; None when it found nothing."""
        return ContractFailed(list(self)) if self.by_name else None

    def as_json(self) -> list[dict[str, Any]]:
        """Plain data."""
        return [finding.as_json() for finding in self]


class ContractFailed(CheckFailed):
    """A check of the contract gate found at least one defect."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        first = findings[0]
        # Several defects have a name together: who waives one has not waived the other.
        super().__init__(" and ".join(sorted(finding.name for finding in findings)), expected="", got="")
        self.findings = tuple(finding.fingerprint for finding in findings)
        barred = [finding.name for finding in findings if finding.check in SECURITY]
        self.never_waived = f"{barred[0]} concerns isolation and identity" if barred else ""
        told = [line for finding in findings for line in told_of(finding)]
        told += [f"  next      {first.do_next}"] if first.do_next else []
        self.args = ("\n".join(told),)


def told_of(finding: Finding) -> list[str]:
    """A finding for a person: what, where, and the line that shows it again."""
    names = list(dict.fromkeys(place.name for place in finding.places))
    more = f" and {len(names) - PLACES_SHOWN} more" if len(names) > PLACES_SHOWN else ""
    lines = [
        f"{finding.fingerprint}  {finding.name}",
        f"  expected  {finding.expected} ({finding.rule})",
        f"  got       {finding.got}",
        f"  at        {', '.join(names[:PLACES_SHOWN])}{more}",
    ]
    if finding.places:
        place = finding.places[0]
        lines += [f"  request   {place.request}"] if place.request else []
        lines += [f"  answer    {place.response}"] if place.response else []
        lines += [f"  again     {place.curl}"] if place.curl else []
        lines += [f"  seed      {place.seed}"] if place.seed else []
    return lines


def show(findings: Findings, recorder: Recorder, **counted: Any) -> None:
    """The end of a check: attach what was found and counted to its record, and fail when anything was found.

    counted: further plain data under the same attachment (requests by operation, sequence). Raises ContractFailed.
    """
    recorder.attachments[ATTACHMENT] = {"findings": findings.as_json(), **counted}
    failure = findings.failure()
    if failure is not None:
        raise failure


def _with_places(finding: Finding, places: Sequence[Place]) -> Finding:
    return Finding(
        finding.check, finding.defect, finding.system, finding.rule, finding.expected, finding.got, tuple(places),
        finding.do_next,
    )  # fmt: skip

"""Findings of the contract gate. A defect is one finding, no matter on how many operations it occurs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Self

from cutover.client.curl import curl_command
from cutover.client.http import Answer
from cutover.core.errors import CheckFailed
from cutover.core.recorder import Recorder
from cutover.core.secrets import redact

ATTACHMENT: Final = "contract"
"""Name of the attachment of a check's record with findings and counts. The run adds them up in contract.json."""
SECURITY: Final = ("ignored-auth", "use-after-free", "missing-header-not-rejected")
"""Checks of access control. Neither a known violation of the legacy system nor a waiver can cover their findings."""
PLACES_SHOWN: Final = 12
EXAMPLES_KEPT: Final = 3


@dataclass(frozen=True)
class Place:
    """One occurrence of a defect: operation (contracts/operations.toml), role of the caller, and one exchange.

    seed: text that generates the same request again, "" if the request was not generated. `place_of` redacts the texts.
    """

    operation: str
    role: str = ""
    request: str = ""
    response: str = ""
    curl: str = ""
    seed: str = ""

    @property
    def name(self) -> str:
        """Return the operation, with the role if the check uses several."""
        return f"{self.operation} as {self.role}" if self.role else self.operation


def place_of(answer: Answer, *, role: str = "", seed: str = "", variables: Mapping[str, str] | None = None) -> Place:
    """Return the place of a response. variables: secret value -> name of the shell variable that replaces it."""
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
    """One defect with its places.

    check: stable name of the check ("token:alg-none", "status_code_conformance"). defect: text without the operation
    and without a value that changes between runs ("418 is not documented"). rule: source of the promise
    ("contracts/api.md Everywhere: Statuses", "RFC 9110 15.5.2"). breaks: the rule of core/rule_table.py, "" for the one
    that the check names.
    """

    check: str
    defect: str
    system: str
    rule: str
    expected: str
    got: str
    places: tuple[Place, ...] = ()
    do_next: str = ""
    breaks: str = ""

    @property
    def name(self) -> str:
        """Return the source of the fingerprint. The same defect on another operation has the same name."""
        return f"{self.check}:{self.system}:{self.defect}"

    @property
    def fingerprint(self) -> str:
        """Return 12 hex digits that identify the defect in every run and on every operation."""
        return hashlib.sha256(self.name.encode()).hexdigest()[:12]

    def as_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            **vars(self),
            "name": self.name,
            "fingerprint": self.fingerprint,
            "places": [dict(vars(place)) for place in self.places],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Return the finding from the data of `as_json`. Raises KeyError or TypeError for other data."""
        known = {name: data[name] for name in ("check", "defect", "system", "rule", "expected", "got", "do_next")}
        places = tuple(Place(**place) for place in data["places"])
        return cls(**known, places=places, breaks=str(data.get("breaks", "")))


@dataclass
class Findings:
    """Findings by defect, in the order of their first occurrence."""

    by_name: dict[str, Finding] = field(default_factory=dict)

    def add(self, finding: Finding) -> None:
        """Add a finding. A known defect only gets the new places, at most EXAMPLES_KEPT of each name."""
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
        """Add all findings of `others`."""
        for finding in others:
            self.add(finding)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.by_name.values())

    def __len__(self) -> int:
        return len(self.by_name)

    def name_rule(self, rule: str) -> None:
        """Set the rule of each finding that names none to the rule of the check."""
        self.by_name = {
            name: each if each.breaks else replace(each, breaks=rule) for name, each in self.by_name.items()
        }

    def failure(self) -> ContractFailed | None:
        """Return the failure of a check with these findings; None if there are none."""
        return ContractFailed(list(self)) if self.by_name else None

    def as_json(self) -> list[dict[str, Any]]:
        """Return plain data."""
        return [finding.as_json() for finding in self]


class ContractFailed(CheckFailed):
    """A check of the contract gate found at least one defect."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        first = findings[0]
        # The name combines all defects, so that a waiver of one does not cover the others.
        super().__init__(" and ".join(sorted(finding.name for finding in findings)), expected="", got="")
        self.findings = tuple(finding.fingerprint for finding in findings)
        barred = [finding.name for finding in findings if finding.check in SECURITY]
        self.never_waived = f"{barred[0]} concerns isolation and identity" if barred else ""
        lines = [line for finding in findings for line in finding_lines(finding)]
        lines += [f"  next      {first.do_next}"] if first.do_next else []
        self.args = ("\n".join(lines),)


def finding_lines(finding: Finding) -> list[str]:
    """Return the lines of a finding for the terminal: name, expected, got, places and a curl command."""
    names = list(dict.fromkeys(place.name for place in finding.places))
    more = f" and {len(names) - PLACES_SHOWN} more" if len(names) > PLACES_SHOWN else ""
    lines = [
        f"{finding.fingerprint}  {finding.name}",
        *([f"  rule      {finding.breaks}"] if finding.breaks else ()),
        f"  expected  {finding.expected} ({finding.rule})",
        f"  got       {finding.got}",
        f"  at        {', '.join(names[:PLACES_SHOWN])}{more}",
    ]
    if finding.places:
        place = finding.places[0]
        lines += [f"  request   {place.request}"] if place.request else []
        lines += [f"  response  {place.response}"] if place.response else []
        lines += [f"  repeat    {place.curl}"] if place.curl else []
        lines += [f"  seed      {place.seed}"] if place.seed else []
    return lines


def conclude(findings: Findings, recorder: Recorder, **counts: Any) -> None:
    """Attach findings and counts to the check's record. Raises ContractFailed if there are findings.

    counts: further plain data of the attachment (requests by operation, sequence hash).
    """
    findings.name_rule(recorder.rule)
    recorder.attachments[ATTACHMENT] = {"findings": findings.as_json(), **counts}
    failure = findings.failure()
    if failure is not None:
        raise failure


def _with_places(finding: Finding, places: Sequence[Place]) -> Finding:
    return replace(finding, places=tuple(places))

"""The findings of a preflight check: one broken precondition is one finding, with its place and the fix."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from cutover.core.errors import Blocked, CheckFailed, MeasurementError, NotVerified
from cutover.core.recorder import Recorder

ATTACHMENT: Final = "preflight"
"""Name of the attachment of a check's record with its findings."""


@dataclass(frozen=True)
class Finding:
    """One broken precondition.

    name: stable source of the fingerprint, without a value that changes between runs ("wrangler:placeholder:env.
    production.d1_databases.DB"). place: where it is, with the line for a file ("wrangler.toml:34", "www.example.org
    CNAME"). promised: the page or section that requires it. do_next: one sentence.
    """

    name: str
    place: str
    expected: str
    got: str
    promised: str
    do_next: str

    @property
    def fingerprint(self) -> str:
        """Return 12 hex digits that identify the finding in every run."""
        return hashlib.sha256(self.name.encode()).hexdigest()[:12]


class PreflightFailed(CheckFailed):
    """A preflight check has at least one finding. A waiver covers one of them by its fingerprint."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__(" and ".join(sorted(finding.name for finding in findings)), expected="", got="")
        self.findings = tuple(finding.fingerprint for finding in findings)
        self.observed = "; ".join(f"{each.place}: expected {each.expected}, got {each.got}" for each in findings)
        lines = [self.observed] if len(findings) == 1 else [f"{len(findings)} findings: {self.observed}"]
        self.args = ("\n".join(lines + [line for finding in findings for line in _lines(finding)]),)


def _lines(finding: Finding) -> list[str]:
    return [
        f"{finding.fingerprint}  {finding.name}",
        f"  at        {finding.place}",
        f"  expected  {finding.expected}",
        f"  got       {finding.got}",
        f"  promised  {finding.promised}",
        f"  next      {finding.do_next}",
    ]


def conclude(findings: Iterable[Finding], recorder: Recorder) -> None:
    """Attach the findings to the check's record, each name once. Raises PreflightFailed if there are any.

    Findings of one name are joined, so that none is hidden. If the search raises an error after a finding, the check
    fails, and the record says what was not judged.
    """
    by_name: dict[str, list[Finding]] = {}
    try:
        for finding in findings:
            by_name.setdefault(finding.name, []).append(finding)
    except (NotVerified, MeasurementError, Blocked) as error:
        if not by_name:
            raise
        recorder.incomplete = recorder.incomplete or str(error)
    found = [
        replace(same[0], place=_joined(each.place for each in same), got=_joined(each.got for each in same))
        for same in by_name.values()
    ]
    if found:
        recorder.attachments[ATTACHMENT] = [{**vars(each), "fingerprint": each.fingerprint} for each in found]
        raise PreflightFailed(found)


def _joined(texts: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(texts))


def add_section(environment: str, section: str, line: str) -> str:
    """Return the reason of a check that is not verified because its section is missing. line: what to add."""
    return (
        f"environments.toml [{environment}.preflight.{section}] is missing: add {line}, or "
        f'absent.{section} = "why" to [{environment}]'
    )

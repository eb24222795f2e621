"""The result of a check that judges several names or servers: findings, blocked parts, unreachable parts, notes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from cutover.core.errors import Blocked, MeasurementError, NotVerified, Unreachable
from cutover.core.recorder import Measurement, Recorder
from cutover.preflight.findings import Finding, conclude

RESOLVING = "resolution of host names"
"""The precondition of every other check of a name: the check that owns it reports a name that does not resolve."""
HANDSHAKE = "TLS handshake"
"""The precondition of the checks of certificates and of HSTS."""
TRUST = "certificates of a CA"
"""The precondition of the check of CAA records: a self-signed certificate has no CA."""


def merged(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings, those of several names with one cause as one: one expired certificate is one finding.

    Findings have one cause if everything but their place and the last part of their name (the host) is equal.
    """
    causes: dict[tuple[str, ...], list[Finding]] = {}
    for finding in findings:
        kind = finding.name.rpartition(":")[0]
        causes.setdefault((kind, finding.expected, finding.got, finding.do_next), []).append(finding)
    return [
        replace(
            same[0],
            name=f"{kind}:{'+'.join(sorted({each.name.rpartition(':')[2] for each in same}))}",
            place="; ".join(dict.fromkeys(each.place for each in same)),
        )
        for (kind, *_), same in causes.items()
    ]


@dataclass
class Judgement:
    """The results of one check.

    findings: broken preconditions that this check reports. blocked: precondition -> what was observed, for parts that
    could not be judged because another check reports why. unreachable: parts that could not be measured at all.
    unverified: parts that need something else. warnings: what does not fail the check and needs an action soon.
    could_not_detect, notes, measured: for the record.
    """

    findings: list[Finding] = field(default_factory=list)
    blocked: dict[str, list[str]] = field(default_factory=dict)
    unreachable: list[str] = field(default_factory=list)
    unverified: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    could_not_detect: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    measured: list[Measurement] = field(default_factory=list)

    def block(self, precondition: str, observed: str) -> None:
        """Note a part that cannot be judged because the precondition is broken."""
        self.blocked.setdefault(precondition, []).append(observed)

    def measure(self, name: str, value: float | str | None, limit: str, *, sample: int = 1) -> None:
        """Record a measured value with its limit."""
        self.measured.append(Measurement(name, value, limit, sample))

    def conclude(self, recorder: Recorder) -> None:
        """Write everything to the record of the check.

        Raises PreflightFailed for findings, MeasurementError, Blocked, NotVerified for parts that were not judged, in
        this order. A check with findings and other parts says in its record what it did not judge.
        """
        recorder.measured += self.measured
        recorder.notes += self.notes
        for text in self.warnings:
            recorder.warn(text)
        for text in self.could_not_detect:
            recorder.note_undetectable(text)
        pending = self._pending()
        if self.findings and pending is not None:
            recorder.incomplete = recorder.incomplete or str(pending)
        conclude(merged(self.findings), recorder)
        if pending is not None:
            raise pending

    def _pending(self) -> MeasurementError | Blocked | NotVerified | None:
        if self.unreachable:
            return Unreachable("; ".join(self.unreachable))
        if self.blocked:
            return Blocked({name: "; ".join(dict.fromkeys(seen)) for name, seen in self.blocked.items()})
        if self.unverified:
            return NotVerified("; ".join(self.unverified))
        return None

"""The ways in which a check can end without passing. core/verdict.py decides which verdict follows."""

from __future__ import annotations

from collections.abc import Mapping

from cutover.core.evidence import Status
from cutover.core.rule_table import Rule


class CheckFailed(AssertionError):
    """The deployment broke a promise: the check failed.

    finding: stable name of the finding ("status:register"). It is the source of the waiver's fingerprint, so it
    contains no value that differs between runs. findings: the fingerprints of all findings if a check has several
    that are waived separately; empty if it has one. never_waived: why no waiver may cover the finding, "" if one may.
    observed: expected and got, in one line. rule: the rule that is broken, None for the one that the check names.
    """

    findings: tuple[str, ...] = ()
    never_waived: str = ""
    rule: Rule | None = None

    def __init__(
        self,
        finding: str,
        *,
        expected: object,
        got: object,
        source: str = "",
        contract: str = "",
        do_next: str = "",
        rule: Rule | None = None,
    ) -> None:
        self.finding, self.rule = finding, rule
        self.observed = " ".join(f"expected {expected}, got {got}".split())
        lines = [f"{finding}", f"  expected  {expected}", f"  got       {got}"]
        lines += [f"  from      {source}"] if source else []
        lines += [f"  contract  {contract}"] if contract else []
        lines += [f"  next      {do_next}"] if do_next else []
        super().__init__("\n".join(lines))


class MeasurementError(Exception):
    """The measurement is not valid: the verdict is INVALID. Base of the classes below."""

    status = Status.INVALID


class Unreachable(MeasurementError):
    """Two attempts to connect failed: DNS, TCP or TLS."""

    status = Status.UNREACHABLE


class IdentityMismatch(MeasurementError):
    """The response came from another system or version."""

    status = Status.IDENTITY_MISMATCH


class RateLimited(MeasurementError):
    """The system answered 429 repeatedly although the run kept its request budget and honoured Retry-After."""

    status = Status.RATE_LIMITED


class Stopped(MeasurementError):
    """The kill switch is on."""

    status = Status.STOPPED


class Refused(Exception):
    """The request was not sent because the environment does not name its host. The check failed."""


class NotVerified(Exception):
    """The check cannot run in this environment; it counts as not verified (INCONCLUSIVE)."""


class LocalRuntimeAnswer(NotVerified):
    """The local runtime answered instead of the Worker (contracts/local_runtime.toml), so nothing was verified."""


class Blocked(Exception):
    """The check needs preconditions that are broken. It counts as not verified; their own checks report the findings.

    causes: name of each precondition ("upload on worker") -> what was observed, in one line.
    """

    def __init__(self, causes: Mapping[str, str]) -> None:
        self.causes = dict(causes)
        super().__init__("blocked by " + "; ".join(f"{name}: {observed}" for name, observed in causes.items()))


class NotApplicable(NotVerified):
    """The configuration says that the system does not have the check's subject: the check is not required there.

    Raised from the configuration alone, never from a response: a broken deployment cannot make a check superfluous.
    """

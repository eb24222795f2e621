"""How a check can end other than well. Which verdict follows is decided in verdict.py alone.

Not for wrong configuration: that is configuration.py.
"""

from __future__ import annotations


class CheckFailed(AssertionError):
    """The deployment did not do what was promised. The check is failed.

    finding: stable name of what was found ("status:register"), the source of the waiver's
    fingerprint, so it holds no value that changes from run to run. findings: the fingerprints of all that
    was found, where a check finds several things that are waived each for itself; empty where it finds one.
    never_waived: why no waiver may cover what was found, "" where one may.
    """

    findings: tuple[str, ...] = ()
    never_waived: str = ""

    def __init__(
        self,
        finding: str,
        *,
        expected: object,
        got: object,
        source: str = "",
        contract: str = "",
        do_next: str = "",
    ) -> None:
        self.finding = finding
        lines = [f"{finding}", f"  expected  {expected}", f"  got       {got}"]
        lines += [f"  from      {source}"] if source else []
        lines += [f"  contract  {contract}"] if contract else []
        lines += [f"  next      {do_next}"] if do_next else []
        super().__init__("\n".join(lines))


class MeasurementError(Exception):
    """The measurement cannot be trusted: the verdict is INVALID. Base of the classes below."""

    status = "invalid"


class Unreachable(MeasurementError):
    """No connection could be made, twice: DNS, TCP or TLS."""

    status = "unreachable"


class IdentityMismatch(MeasurementError):
    """Something answered, but not the system or the version that was asked."""

    status = "identity-mismatch"


class RateLimited(MeasurementError):
    """429 again and again although the run kept to its budget and waited as it was told."""

    status = "rate-limited"


class Stopped(MeasurementError):
    """The kill switch is on."""

    status = "stopped"


class Refused(Exception):
    """The request was not sent: the environment does not name its host. The check is failed."""


class NotVerified(Exception):
    """The check cannot be made in this environment; it counts as not verified (INCONCLUSIVE)."""

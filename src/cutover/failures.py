"""How a check can end other than well. Which verdict follows is decided in verdict.py alone.

Not for wrong configuration: that is configuration.py.
"""

from __future__ import annotations


class CheckFailed(AssertionError):  # noqa: N818 - what happened, in the words of a check
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


class NotTrustworthy(Exception):  # noqa: N818 - the verdict's own word, it is no error of the deployment
    """The measurement cannot be trusted: the verdict is INVALID. Base of the classes below."""

    status = "invalid"


class Unreachable(NotTrustworthy):
    """No connection could be made, twice: DNS, TCP or TLS."""

    status = "unreachable"


class WrongAnswerer(NotTrustworthy):
    """Something answered, but not the system or the version that was asked."""

    status = "wrong-answerer"


class RateLimited(NotTrustworthy):
    """429 again and again although the run kept to its budget and waited as it was told."""

    status = "rate-limited"


class Stopped(NotTrustworthy):
    """The kill switch is on."""

    status = "stopped"


class Refused(Exception):  # noqa: N818 - an address that safety refused before anything was sent
    """The request was not sent: the environment does not name its host. The check is failed."""


class NotVerified(Exception):  # noqa: N818 - an outcome, no error
    """The check cannot be made in this environment; it counts as not verified (INCONCLUSIVE)."""

"""The surveys of a run: each is made once per process, when the first check needs it."""

from __future__ import annotations

from cutover.config.environment import Environment
from cutover.core.errors import Blocked, MeasurementError, NotVerified
from cutover.core.safety import KillSwitch
from cutover.preflight.dns_names import names_in_use
from cutover.preflight.dns_queries import DnsClient
from cutover.preflight.dns_survey import DnsSurvey
from cutover.preflight.dns_survey import survey as survey_dns
from cutover.preflight.findings import add_section
from cutover.preflight.tls_survey import TlsSurvey
from cutover.preflight.tls_survey import survey as survey_tls

RESOLVER = "DNS resolver"
"""The precondition of every check of names: the check that owns it reports a resolver that does not respond."""


class NameSurveys:
    """The responses of DNS servers and of TLS servers about the names in use."""

    def __init__(self, environment: Environment, kill_switch: KillSwitch) -> None:
        self._environment, self._kill_switch = environment, kill_switch
        self._dns: DnsSurvey | None = None
        self._tls: TlsSurvey | None = None
        self._failure: MeasurementError | None = None

    def dns(self, *, owns_resolver: bool = False) -> DnsSurvey:
        """Return the survey of DNS.

        If the resolver cannot be used: raises MeasurementError in the check that owns that, Blocked in the others.
        Raises NotVerified without settings, NotApplicable without host names.
        """
        names = names_in_use(self._environment)
        settings = self._environment.preflight.dns
        assert settings is not None, "names_in_use raises without settings"
        if self._dns is None and self._failure is None:
            client = DnsClient(self._environment.allowed, self._kill_switch, settings.timeout_s)
            try:
                self._dns = survey_dns(client, settings, names)
            except MeasurementError as error:
                self._failure = error
        if self._failure is not None:
            raise self._failure if owns_resolver else Blocked({RESOLVER: str(self._failure)})
        assert self._dns is not None, "there is a survey or a failure"
        return self._dns

    def tls(self) -> TlsSurvey:
        """Return the survey of TLS. Raises like `dns`, and NotVerified without settings."""
        settings = self._environment.preflight.tls
        if settings is None:
            raise NotVerified(add_section(self._environment.name, "tls", "an empty table for the defaults"))
        if self._tls is None:
            self._tls = survey_tls(
                settings,
                self.dns(),
                self._environment.allowed,
                self._kill_switch,
                ca_file=settings.ca_file or self._environment.ca_file,
            )
        return self._tls

    def tls_if_any(self) -> TlsSurvey | None:
        """Return the survey of TLS, None if the environment has no settings of it, or says that it has no TLS."""
        if self._environment.preflight.tls is None or "tls" in self._environment.absent:
            return None
        return self.tls()

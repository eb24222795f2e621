"""A deployment with DNS and TLS on loopback: authoritative servers, a resolver, a TLS front, and the server behind it.

The servers are those of the embedded pair's surroundings. A test changes their content before they start.
"""

import contextlib
import copy
import datetime
import http.server
import threading
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reference.surroundings.certificates import Authority, CertificateSpec
from reference.surroundings.dns_part import CA_DOMAIN, NAMES, ZONE, zone
from reference.surroundings.dns_server import DnsListener, NameServer, Resolver
from reference.surroundings.serving import Serving
from reference.surroundings.tls_front import FrontListener, TlsFront

from cutover.config.preflight_dns import DnsServer, DnsSettings
from cutover.config.preflight_tls import TlsSettings
from cutover.core.safety import AllowList, KillSwitch
from cutover.preflight.dns_caa import judge_caa
from cutover.preflight.dns_judgement import Judgement
from cutover.preflight.dns_names import UsedName
from cutover.preflight.dns_queries import DnsClient
from cutover.preflight.dns_records import judge_resolution, judge_ttl
from cutover.preflight.dns_servers import judge_disagreement, judge_lame, judge_missing, judge_slow
from cutover.preflight.dns_survey import DnsSurvey
from cutover.preflight.dns_survey import survey as survey_dns
from cutover.preflight.tls_checks import judge_chain, judge_days, judge_names, judge_versions
from cutover.preflight.tls_http import judge_hsts, judge_redirect
from cutover.preflight.tls_survey import TlsSurvey
from cutover.preflight.tls_survey import survey as survey_tls

HSTS = "max-age=31536000; includeSubDomains; preload"
LOOPBACK = "127.0.0.1"


@dataclass
class NamedDeployment:
    """The content, which a test changes, and the settings of the checks.

    names: the names in use. records: of both authoritative servers, copied at the start.
    """

    folder: Path
    names: tuple[str, ...] = NAMES
    servers: list[NameServer] = field(default_factory=lambda: [NameServer(ZONE, zone()) for _ in range(2)])
    certificates: dict[str, CertificateSpec] = field(default_factory=lambda: {"": CertificateSpec(NAMES)})
    front: TlsFront = field(default_factory=lambda: TlsFront(""))
    dns_settings: dict[str, Any] = field(default_factory=lambda: {"timeout_s": 1.5})
    tls_settings: dict[str, Any] = field(default_factory=lambda: {"timeout_s": 5.0, "ca_domains": (CA_DOMAIN,)})

    def __post_init__(self) -> None:
        self.resolver = Resolver(self.servers)

    def on_all(self, **records: Any) -> None:
        """Give each authoritative server these records of the API's name, by type: A=(300, ["192.0.2.1"])."""
        for kind, data in records.items():
            for server in self.servers:
                server.records[f"api.{ZONE}", kind] = copy.deepcopy(data)

    def without(self, name: str, kind: str) -> None:
        """Remove a record from each authoritative server."""
        for server in self.servers:
            del server.records[name, kind]

    @contextlib.contextmanager
    def serving_dns(self) -> Generator[DnsSettings]:
        """Serve DNS. Yield the settings of the checks."""
        served: list[NameServer | Resolver] = [*self.servers, self.resolver]
        listeners = [DnsListener(server.respond) for server in served]
        with Serving(listeners):
            for server, listener in zip(served, listeners, strict=True):
                server.port = listener.port
            yield DnsSettings(
                resolver=DnsServer(LOOPBACK, self.resolver.port),
                authoritative=tuple(DnsServer(LOOPBACK, server.port) for server in self.servers),
                **self.dns_settings,
            )

    @contextlib.contextmanager
    def serving_tls(self) -> Generator[TlsSettings]:
        """Serve https and http. Yield the settings of the checks."""
        authority = Authority()
        (self.folder / "root.pem").write_bytes(authority.root.pem)
        files = {}
        for number, (host, spec) in enumerate(self.certificates.items()):
            files[host] = str(self.folder / f"{number}.pem")
            Path(files[host]).write_bytes(authority.issue(spec))
        with web_server() as url:
            self.front.upstream = url
            with Serving([FrontListener(self.front, files)]):
                settings = {"port": self.front.https_port, "http_port": self.front.http_port, **self.tls_settings}
                yield TlsSettings(**settings)

    def used(self) -> list[UsedName]:
        """Return the names in use."""
        return [UsedName(host, "name", "names") for host in self.names]

    def survey_dns(self) -> DnsSurvey:
        """Serve DNS and return the survey of it."""
        with self.serving_dns() as settings:
            return survey_dns(self.client(settings), settings, self.used())

    def client(self, settings: DnsSettings) -> DnsClient:
        """Return a client that may ask the named servers."""
        return DnsClient(AllowList({}, settings.servers), self.kill_switch, settings.timeout_s)

    @property
    def kill_switch(self) -> KillSwitch:
        """Return a kill switch that is off."""
        return KillSwitch(self.folder)

    def survey(self) -> tuple[DnsSurvey, TlsSurvey]:
        """Serve everything and return both surveys."""
        dns = self.survey_dns()
        with self.serving_tls() as settings:
            return dns, self.survey_tls(dns, settings)

    def survey_tls(self, dns: DnsSurvey, settings: TlsSettings) -> TlsSurvey:
        """Return the survey of TLS of servers that are running."""
        allowed = AllowList({host: f"https://{host}" for host in self.names})
        return survey_tls(settings, dns, allowed, self.kill_switch, ca_file=str(self.folder / "root.pem"))


def judge_dns(dns: DnsSurvey) -> dict[str, Judgement]:
    """Return the judgement of each check of DNS, without CAA."""
    checks = (judge_resolution, judge_missing, judge_lame, judge_disagreement, judge_slow, judge_ttl)
    return {check.__name__: check(dns) for check in checks}


def judge_tls(tls: TlsSurvey, dns: DnsSurvey, promised: str = HSTS) -> dict[str, Judgement]:
    """Return the judgement of each check of TLS, and that of CAA."""
    return {
        "judge_versions": judge_versions(tls),
        "judge_chain": judge_chain(tls),
        "judge_names": judge_names(tls),
        "judge_days": judge_days(tls, datetime.datetime.now(datetime.UTC)),
        "judge_hsts": judge_hsts(tls, promised),
        "judge_redirect": judge_redirect(tls),
        "judge_caa": judge_caa(dns, tls),
    }


def findings_of(judged: Mapping[str, Judgement]) -> list[str]:
    """Return the names of all findings."""
    return [finding.name for judgement in judged.values() for finding in judgement.findings]


@contextlib.contextmanager
def web_server() -> Generator[str]:
    """Serve plain http as the Worker does: a redirect for a visitor's http URL, else a response with HSTS."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            visited = self.headers["mf-original-url"]
            self.send_response(301 if visited.startswith("http:") else 200)
            if visited.startswith("http:"):
                self.send_header("Location", "https:" + visited.removeprefix("http:"))
            else:
                self.send_header("Strict-Transport-Security", HSTS)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_args: object) -> None:
            """Print nothing."""

    with http.server.ThreadingHTTPServer((LOOPBACK, 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://{LOOPBACK}:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()

"""The checks of TLS against real TLS and HTTP servers on loopback, with a CA of their own."""

import dataclasses
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference.surroundings.certificates import CertificateSpec
from reference.surroundings.dns_part import NAMES, ZONE
from tests.suite.support.named_deployment import HSTS, LOOPBACK, NamedDeployment, findings_of, judge_tls, web_server

from cutover.core.errors import NotApplicable, Refused
from cutover.core.safety import AllowList
from cutover.preflight.dns_judgement import HANDSHAKE, RESOLVING
from cutover.preflight.dns_names import LEGACY, UsedName
from cutover.preflight.tls_checks import judge_chain, judge_versions
from cutover.preflight.tls_hello import accepts_version
from cutover.preflight.tls_http import judge_hsts, judge_redirect
from cutover.preflight.tls_probe import HttpHead, request_head
from cutover.preflight.tls_survey import survey as survey_tls

pytestmark = pytest.mark.unit

API = f"api.{ZONE}"


@pytest.fixture
def deployment(tmp_path: Path) -> NamedDeployment:
    """Return an honest deployment with one name, which a test changes."""
    return NamedDeployment(tmp_path, names=(API,))


def test_honest_front_has_no_finding(tmp_path: Path) -> None:
    """Every name is judged by every check, and the measured versions are TLS 1.2 and TLS 1.3."""
    dns, tls = NamedDeployment(tmp_path).survey()
    judged = judge_tls(tls, dns)
    assert findings_of(judged) == []
    assert not any(each.blocked or each.unreachable or each.unverified for each in judged.values())
    assert not any(each.warnings for each in judged.values())
    assert [len(each.measured) for each in judged.values()] == [len(NAMES)] * len(judged)
    assert {each.value for each in judged["judge_versions"].measured} == {"TLS 1.2, TLS 1.3"}
    assert tls.waited_s > tls.wall_s / 10


def certificate(spec: CertificateSpec) -> Callable[[NamedDeployment], None]:
    """Return a change that installs this certificate."""

    def change(deployment: NamedDeployment) -> None:
        deployment.certificates = {"": spec}

    return change


def versions(lowest: str, highest: str) -> Callable[[NamedDeployment], None]:
    """Return a change that offers these TLS versions."""

    def change(deployment: NamedDeployment) -> None:
        deployment.front.versions = (lowest, highest)

    return change


def headers(**added: str) -> Callable[[NamedDeployment], None]:
    """Return a change of the HSTS header, or without arguments its removal."""

    def change(deployment: NamedDeployment) -> None:
        deployment.front.drop_headers = frozenset({"strict-transport-security"})
        deployment.front.add_headers = {"strict-transport-security": added["value"]} if added else {}

    return change


def redirect(status: int, location: Callable[[str, str], str]) -> Callable[[NamedDeployment], None]:
    """Return a change of the redirect from http."""

    def change(deployment: NamedDeployment) -> None:
        deployment.front.redirect = (status, location)

    return change


def without_http(deployment: NamedDeployment) -> None:
    """Close the port of http."""
    deployment.front.serves_http = False


def forbidden_ca(deployment: NamedDeployment) -> None:
    """Let the zone permit another CA only."""
    for server in deployment.servers:
        server.records[ZONE, "CAA"] = (300, ['0 issue "letsencrypt.org"'])


OLD = "tls:old-version"
FAULTS: dict[str, tuple[Callable[[NamedDeployment], None], list[str], str]] = {
    "expired": (certificate(CertificateSpec(NAMES, days=-3)), ["tls:expired"], r"has expired on .* 3 day\(s\) ago"),
    "expires soon": (certificate(CertificateSpec(NAMES, days=7.5)), ["tls:expires-soon"], "expires in 7 days"),
    "expires today": (certificate(CertificateSpec(NAMES, days=0.2)), ["tls:expires-soon"], "expires in 0 days"),
    "not yet valid": (certificate(CertificateSpec(NAMES, valid_in_days=2)), ["tls:not-yet-valid"], "not yet valid: f"),
    "other SNI": (
        lambda deployment: deployment.certificates.update({API: CertificateSpec([ZONE])}), ["tls:wrong-name"], ZONE,
    ),
    "wrong name": (certificate(CertificateSpec(["other.test"])), ["tls:wrong-name"], "for other names: other.test"),
    "apex only": (certificate(CertificateSpec([ZONE])), ["tls:wrong-name"], f"for other names: {ZONE}"),
    "no name": (certificate(CertificateSpec([])), ["tls:wrong-name"], "none .no subjectAltName."),
    "self-signed": (certificate(CertificateSpec(NAMES, issued_by="self")), ["tls:self-signed"], "own key signed it"),
    "incomplete": (certificate(CertificateSpec(NAMES, chain=False)), ["tls:incomplete-chain"], r"sends 1 certificate"),
    "unknown CA": (certificate(CertificateSpec(NAMES, issued_by="unknown")), ["tls:unknown-ca"], "an unknown CA"),
    "intermediate": (
        certificate(CertificateSpec(NAMES, intermediate_days=-1)), ["tls:expired"], "the intermediate certificate CN=",
    ),
    "TLS 1.1 too": (versions("TLSv1_1", "TLSv1_3"), [OLD], "accepts TLS 1.1$"),
    "only TLS 1.0": (versions("TLSv1", "TLSv1"), [OLD], "accepts TLS 1.0, and neither TLS 1.2 nor TLS 1.3"),
    "TLS 1.0 too": (versions("TLSv1", "TLSv1_3"), [OLD], "accepts TLS 1.0 and TLS 1.1$"),
    "no HSTS": (headers(), ["tls:hsts"], "no header"),
    "HSTS for a day": (headers(value="max-age=86400; includeSubDomains; preload"), ["tls:hsts"], "max-age 86400 s: "),
    "HSTS of one host": (headers(value="max-age=31536000; preload"), ["tls:hsts"], "no includeSubDomains"),
    "HSTS without age": (headers(value="includeSubDomains; preload"), ["tls:hsts"], "a header that browsers ignore"),
    "302": (redirect(302, lambda host, path: f"https://{host}{path}"), ["tls:redirect"], "^/: 302 to https"),
    "path lost": (redirect(301, lambda host, _path: f"https://{host}/"), ["tls:redirect"], "301 changes the path"),
    "query lost": (
        redirect(301, lambda host, path: f"https://{host}{path.partition('?')[0]}"), ["tls:redirect"], "the query",
    ),
    "escapes lost": (
        redirect(301, lambda host, path: f"https://{host}{path.replace('%2F', '/')}"), ["tls:redirect"], "the query",
    ),
    "other host": (redirect(301, lambda _host, path: f"https://{ZONE}{path}"), ["tls:redirect"], "another host"),
    "stays http": (redirect(301, lambda host, path: f"http://{host}{path}"), ["tls:redirect"], "which is not https"),
    "relative": (redirect(301, lambda _host, path: path), ["tls:redirect"], "which is not https"),
    "no http": (without_http, ["tls:redirect"], "/: connection refused"),
    "CAA": (forbidden_ca, ["dns:caa"], "letsencrypt.org"),
}  # fmt: skip
"""Name -> change, the kinds of the only findings, and what the first must say."""


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_one_finding(deployment: NamedDeployment, fault: str) -> None:
    """With its own name and message, and no finding of another check."""
    change, kinds, words = FAULTS[fault]
    change(deployment)
    dns, tls = deployment.survey()
    found = [finding for each in judge_tls(tls, dns).values() for finding in each.findings]
    assert [finding.name.rpartition(f":{API}")[0] for finding in found] == kinds
    assert re.search(words, found[0].got), found[0].got


def test_six_certificate_faults_have_six_messages(tmp_path: Path) -> None:
    """Expired, soon expiring, wrong name, self-signed, incomplete and TLS 1.0 differ in finding and text."""
    findings = []
    for fault in ("expired", "expires soon", "wrong name", "self-signed", "incomplete", "only TLS 1.0"):
        deployment = NamedDeployment(tmp_path, names=(API,))
        FAULTS[fault][0](deployment)
        dns, tls = deployment.survey()
        findings += [finding for each in judge_tls(tls, dns).values() for finding in each.findings]
    assert len(findings) == len({each.name for each in findings}) == len({each.got for each in findings}) == 6


@pytest.mark.parametrize(("days", "warns"), [(30.5, True), (8.5, True), (31.5, False)])
def test_certificate_with_some_days_left_is_a_warning(deployment: NamedDeployment, days: float, warns: bool) -> None:
    """From 30 to 8 days: visible, and no finding."""
    deployment.certificates = {"": CertificateSpec(NAMES, days=days)}
    dns, tls = deployment.survey()
    judged = judge_tls(tls, dns)
    assert findings_of(judged) == []
    assert [f"expires in {int(days)} days" in text for text in judged["judge_days"].warnings] == [True] * warns


def test_old_server_blocks_the_checks_of_its_certificate(deployment: NamedDeployment) -> None:
    """With TLS 1.0 only, no certificate and no HSTS are read: blocked, with the reason of the handshake."""
    deployment.front.versions = ("TLSv1", "TLSv1")
    dns, tls = deployment.survey()
    judged = judge_tls(tls, dns)
    blocked = {name for name, each in judged.items() if HANDSHAKE in each.blocked}
    assert blocked == {"judge_chain", "judge_names", "judge_days", "judge_hsts", "judge_caa"}
    assert re.search(r"\(127\.0\.0\.1:\d+\): .", judged["judge_chain"].blocked[HANDSHAKE][0])


def test_name_without_address_blocks_its_tls(deployment: NamedDeployment) -> None:
    """Its resolution is the one finding: every check of its TLS is blocked."""
    deployment.without(API, "A")
    dns, tls = deployment.survey()
    judged = judge_tls(tls, dns)
    assert findings_of(judged) == []
    assert all(list(each.blocked) == [RESOLVING] for each in judged.values())


def test_refused_connection_is_a_measurement_error(deployment: NamedDeployment) -> None:
    """Of the check that owns the handshake. The others are blocked."""
    dns = deployment.survey_dns()
    with deployment.serving_tls() as settings:
        pass
    judged = judge_tls(deployment.survey_tls(dns, settings), dns)
    assert len(judged["judge_versions"].unreachable) == 1
    assert "accepts no TCP connection (connection refused)" in judged["judge_versions"].unreachable[0]
    assert all(HANDSHAKE in each.blocked for name, each in judged.items() if name != "judge_versions")
    assert findings_of(judged) == []


def test_chain_without_a_handshake_is_not_verified(
    deployment: NamedDeployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If only the connection that verifies the chain fails, the chain is not verified: never trusted."""

    class Resetting(ssl.SSLContext):
        def wrap_socket(self, *_args: Any, **_more: Any) -> ssl.SSLSocket:
            raise ConnectionResetError(104, "Connection reset by peer")

    monkeypatch.setattr(ssl, "create_default_context", lambda **_: Resetting(ssl.PROTOCOL_TLS_CLIENT))
    dns, tls = deployment.survey()
    judged = judge_tls(tls, dns)
    assert findings_of(judged) == []
    assert "connection reset by peer" in judged["judge_chain"].unverified[0]


def test_port_with_plain_http_is_one_finding(deployment: NamedDeployment) -> None:
    """A handshake with a server that does not speak TLS fails with its reason."""
    dns = deployment.survey_dns()
    with deployment.serving_tls() as settings, web_server() as plain_url:
        plain = type(settings)(**{**vars(settings), "port": int(plain_url.rpartition(":")[2])})
        judged = judge_tls(deployment.survey_tls(dns, plain), dns)
    assert findings_of(judged) == [f"tls:handshake:{API}"]
    assert re.search("none: .", judged["judge_versions"].findings[0].got)


def test_silent_server_ends_in_time(deployment: NamedDeployment) -> None:
    """A server that accepts connections and sends nothing costs one timeout, and is no finding about old versions."""
    deployment.tls_settings["timeout_s"] = 0.2
    dns = deployment.survey_dns()
    with socket.create_server((LOOPBACK, 0), backlog=64) as silent, deployment.serving_tls() as settings:
        port = silent.getsockname()[1]
        quiet = type(settings)(**{**vars(settings), "port": port, "http_port": port})
        started = time.monotonic()
        judged = judge_tls(deployment.survey_tls(dns, quiet), dns)
    assert time.monotonic() - started < 2
    assert sorted(findings_of(judged)) == [f"tls:handshake:{API}", f"tls:redirect:{API}"]
    assert len(judged["judge_versions"].could_not_detect) == 2


HEADS = st.lists(
    st.sampled_from(
        [b"HTTP/1.1 ", b"301", b" ", b"\r\n", b"\r\n\r\n", b"Location: /", b":", b"\xff", b"HTTP/1.0 200 OK"]
    )
    | st.binary(max_size=6),
    max_size=12,
).map(b"".join)


@given(HEADS)
def test_any_response_is_a_head_or_a_reason(received: bytes) -> None:
    """No bytes of a server end with an error."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(received)
        theirs.shutdown(socket.SHUT_WR)
        found = request_head(ours, API, "/", 2)
    if isinstance(found, HttpHead):
        assert received.startswith((b"HTTP/1.1 ", b"HTTP/1.0 "))
        assert b"\r\n\r\n" in received
    else:
        assert found


def test_slow_response_head_ends_in_time(deployment: NamedDeployment) -> None:
    """A server that sends one byte at a time does not hold the survey."""
    deployment.tls_settings["timeout_s"] = 0.3
    stop = threading.Event()

    def drip(server: socket.socket) -> None:
        connections = [server.accept()[0] for _ in range(2)]
        while not stop.wait(0.05):
            for connection in connections:
                connection.send(b"H")
        for connection in connections:
            connection.close()

    dns = deployment.survey_dns()
    with socket.create_server((LOOPBACK, 0)) as server, deployment.serving_tls() as settings:
        thread = threading.Thread(target=drip, args=(server,))
        thread.start()
        dripping = type(settings)(**{**vars(settings), "http_port": server.getsockname()[1]})
        started = time.monotonic()
        judged = judge_tls(deployment.survey_tls(dns, dripping), dns)
        assert time.monotonic() - started < 3
        stop.set()
        thread.join()
    assert "no complete response head in 0.3 s" in judged["judge_redirect"].findings[0].got


def test_old_version_that_was_not_offered_is_not_verified(deployment: NamedDeployment) -> None:
    """A connection that fails for one of the offers proves nothing about that version."""
    _, tls = deployment.survey()
    del tls.probes[0].old["TLS 1.0"]
    tls.probes[0].not_offered["TLS 1.0"] = "connection refused"
    judged = judge_versions(tls)
    assert (judged.findings, len(judged.unverified)) == ([], 1)
    assert judged.unverified[0].endswith("connection refused")


def test_old_versions_are_offered_exactly(deployment: NamedDeployment) -> None:
    """Our ClientHello is accepted by a server with that version, and refused by one without it."""
    deployment.front.versions = ("TLSv1_1", "TLSv1_1")
    with deployment.serving_tls() as settings:
        address = (LOOPBACK, settings.port or 0)
        assert accepts_version(address, API, 0x0302, 2)
        assert not accepts_version(address, API, 0x0301, 2)


def test_names_of_legacy_only_promise_no_hsts(deployment: NamedDeployment) -> None:
    """The configuration alone says so: HSTS and the redirect are not required, the certificate is."""
    dns = deployment.survey_dns()
    dns = dataclasses.replace(dns, names=(UsedName(API, LEGACY, "legacy.url"),))
    with deployment.serving_tls() as settings:
        tls = deployment.survey_tls(dns, settings)
    assert judge_chain(tls).measured
    for judge in (lambda: judge_hsts(tls, HSTS), lambda: judge_redirect(tls)):
        with pytest.raises(NotApplicable, match="no name of the Worker"):
            judge()


def test_redirect_of_another_port_is_not_verified(deployment: NamedDeployment) -> None:
    """Without a port for http, an URL with a port of its own proves nothing about a redirect."""
    dns = deployment.survey_dns()
    dns = dataclasses.replace(dns, names=(UsedName(API, "worker", "worker.url", 8443),))
    with deployment.serving_tls() as settings:
        on_80 = dataclasses.replace(settings, http_port=80)
        allowed = AllowList({"x": f"https://{API}:8443"})
        tls = survey_tls(on_80, dns, allowed, deployment.kill_switch, ca_file=str(deployment.folder / "root.pem"))
    judged = judge_redirect(tls)
    assert (judged.findings, len(judged.unverified)) == ([], 1)
    assert "preflight.tls.http_port" in judged.unverified[0]


def test_survey_without_names_is_not_verified(deployment: NamedDeployment) -> None:
    """A check without a subject does not pass."""
    dns = dataclasses.replace(deployment.survey_dns(), names=())
    with deployment.serving_tls() as settings:
        assert judge_versions(deployment.survey_tls(dns, settings)).unverified


def test_names_of_other_environments_are_refused(deployment: NamedDeployment) -> None:
    """No connection goes to a host that the environment does not name."""
    dns = deployment.survey_dns()
    with deployment.serving_tls() as settings, pytest.raises(Refused, match="is not a host of this environment"):
        survey_tls(settings, dns, AllowList({"x": "https://x.test"}), deployment.kill_switch)


def test_certificate_that_cannot_be_read_is_not_verified(deployment: NamedDeployment) -> None:
    """Neither a finding nor a pass, and the response of the same connection is judged."""
    dns, tls = deployment.survey()
    tls.probes[0].leaf, tls.probes[0].unreadable = None, "invalid version"
    judged = judge_tls(tls, dns)
    assert findings_of(judged) == []
    words = f"the suite cannot read a certificate of {tls.probes[0].place}: invalid version"
    assert all(judged[name].unverified == [words] for name in ("judge_chain", "judge_names", "judge_days"))
    assert "invalid version" in judged["judge_caa"].unverified[0]
    assert judged["judge_hsts"].measured


def test_failing_response_does_not_prove_hsts(deployment: NamedDeployment) -> None:
    """A 5xx may be of a proxy, so HSTS is not verified."""
    deployment.front.add_headers = {"x-a": "b"}
    dns, tls = deployment.survey()
    tls.probes[0].https = type(tls.probes[0].https)(503, ())  # type: ignore[call-arg] # an HttpHead
    judged = judge_tls(tls, dns)
    assert findings_of(judged) == []
    assert "status 503" in judged["judge_hsts"].unverified[0]


def test_stronger_hsts_is_accepted(deployment: NamedDeployment) -> None:
    """Two years are more than the promised year; the order and the case of directives do not count."""
    deployment.front.add_headers = {"strict-transport-security": 'preload ; INCLUDESUBDOMAINS;max-age="63072000";'}
    dns, tls = deployment.survey()
    assert findings_of(judge_tls(tls, dns, HSTS)) == []

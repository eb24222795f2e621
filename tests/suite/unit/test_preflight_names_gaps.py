"""Faults of DNS and TLS at one of several addresses, types or certificates, and limits that were widened."""

import datetime
import socket
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from reference.surroundings.dns_part import ZONE
from tests.suite.support.named_deployment import NamedDeployment

from cutover.preflight.dns_caa import judge_caa
from cutover.preflight.dns_queries import Outcome
from cutover.preflight.dns_records import judge_resolution, judge_ttl
from cutover.preflight.dns_survey import DnsSurvey
from cutover.preflight.tls_checks import judge_chain, judge_days
from cutover.preflight.tls_hello import accepts_version
from cutover.preflight.tls_survey import TlsSurvey

pytestmark = pytest.mark.unit

API = f"api.{ZONE}"
NOW = datetime.datetime.now(datetime.UTC)


@pytest.fixture
def surveys(tmp_path: Path) -> tuple[DnsSurvey, TlsSurvey]:
    """Return the surveys of an honest deployment with one name."""
    return NamedDeployment(tmp_path, names=(API,)).survey()


@pytest.mark.parametrize(("level", "accepted"), [(1, True), (2, False)])
def test_warning_before_the_server_hello_is_no_refusal(level: int, accepted: bool) -> None:
    """A server that warns of the name and goes on accepts the version; a fatal alert refuses it."""
    hello = b"\x16\x03\x01\x00\x2a\x02\x00\x00\x26\x03\x01" + bytes(40)

    def answer() -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(bytes([21, 3, 1, 0, 2, level, 112]))
            connection.sendall(hello)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=answer)
        thread.start()
        try:
            assert accepts_version(server.getsockname(), API, 0x0301, 5) is accepted
        finally:
            thread.join()


@pytest.mark.parametrize(
    ("records", "organizations", "names", "findings", "unverified"),
    [
        (['0 issue "letsencrypt.org"'], ["Let's Encrypt"], (API,), 0, 0),
        (['0 issue "letsencrypt.org"'], ["Let's Encrypt", "DigiCert Inc"], (API,), 1, 0),
        (['0 issue "letsencrypt.org"'], ["Let's Encrypt", "Unknown CA"], (API,), 0, 1),
        (['0 issue "letsencrypt.org"', '0 issuewild ";"'], ["Let's Encrypt"], (API, f"*.{API}"), 1, 0),
        (['0 issue "letsencrypt.org"', '0 issuewild ";"'], ["Let's Encrypt"], (API,), 0, 0),
        (["no record of CAA"], ["Let's Encrypt"], (API,), 0, 1),
    ],
)
def test_caa_is_judged_for_every_certificate(
    surveys: tuple[DnsSurvey, TlsSurvey], records: list[str], organizations: list[str], names: tuple[str, ...],
    findings: int, unverified: int,
) -> None:  # fmt: skip
    """The CA of each address, and that of the wildcard in a certificate, needs a permission."""
    dns, tls = surveys
    (probed,) = tls.probes
    assert probed.leaf is not None
    leaves = [replace(probed.leaf, organization=each, names=names, self_signed=False) for each in organizations]
    tls = replace(
        tls,
        settings=replace(tls.settings, ca_domains=()),
        probes=tuple(replace(probed, leaf=leaf, address=f"127.0.0.{n}") for n, leaf in enumerate(leaves, 1)),
    )
    answer = replace(dns.caa[API][-1], outcome=Outcome.ANSWER, records=tuple(records))
    judged = judge_caa(replace(dns, caa={API: (answer,)}), tls)
    assert (len(judged.findings), len(judged.unverified)) == (findings, unverified)


@pytest.mark.parametrize(
    ("outcome", "findings", "unverified"),
    [(Outcome.FAILED, 1, 0), (Outcome.REFUSED, 1, 0), (Outcome.TIMEOUT, 0, 1), (Outcome.NO_DATA, 0, 0)],
)
def test_failing_question_for_one_kind_of_address_counts(
    surveys: tuple[DnsSurvey, TlsSurvey], outcome: Outcome, findings: int, unverified: int
) -> None:
    """A name with an A record and a failing question for AAAA is a finding, or not verified without a response."""
    dns, _ = surveys
    broken = replace(dns.resolved[API, "AAAA"], outcome=outcome, records=(), chain=())
    judged = judge_resolution(replace(dns, resolved={**dns.resolved, (API, "AAAA"): broken}))
    assert (len(judged.findings), len(judged.unverified)) == (findings, unverified)


def test_widened_limits_are_warnings(surveys: tuple[DnsSurvey, TlsSurvey]) -> None:
    """Limits below those of the gate are a warning of the verdict, and CAs of a file are noted."""
    dns, tls = surveys
    assert judge_ttl(dns).warnings == judge_days(tls, NOW).warnings == []
    assert "86400 s" in judge_ttl(replace(dns, settings=replace(dns.settings, max_ttl_s=86_400))).warnings[0]
    settings = replace(tls.settings, warn_days=0, fail_days=0)
    assert "more than 0 days left" in judge_days(replace(tls, settings=settings), NOW).warnings[0]
    assert "not by those of browsers" in judge_chain(tls).notes[0]

"""TLS of each name in use: versions, certificate, HSTS, and the redirect from http."""

import datetime
from collections.abc import Mapping
from typing import Any

import pytest

from cutover.core.recorder import Recorder
from cutover.core.rule_table import Rule
from cutover.preflight.dns_access import NameSurveys
from cutover.preflight.dns_judgement import HANDSHAKE, TRUST
from cutover.preflight.tls_checks import judge_chain, judge_days, judge_names, judge_versions
from cutover.preflight.tls_http import HSTS, judge_hsts, judge_redirect

pytestmark = [
    pytest.mark.preflight,
    pytest.mark.needs("dns", "tls"),
    pytest.mark.plan("SSL Certificate Configuration"),
]


@pytest.mark.owns(HANDSHAKE)
def test_tls_versions_are_current(name_surveys: NameSurveys, recorder: Recorder) -> None:
    """Each name accepts TLS 1.2 or TLS 1.3, and neither TLS 1.0 nor TLS 1.1."""
    tls = name_surveys.tls()
    recorder.measure("TLS: time of the survey (s)", tls.wall_s, "reported")
    recorder.measure("TLS: time waiting, all connections (s)", tls.waited_s, "reported")
    judge_versions(tls).conclude(recorder)


@pytest.mark.owns(TRUST)
def test_certificates_are_trusted(name_surveys: NameSurveys, recorder: Recorder) -> None:
    """Each certificate is sent with its chain to a CA that clients trust."""
    judge_chain(name_surveys.tls()).conclude(recorder)


def test_certificates_cover_the_names(name_surveys: NameSurveys, recorder: Recorder) -> None:
    """Each certificate is for the name that users ask for."""
    judge_names(name_surveys.tls()).conclude(recorder)


def test_certificates_stay_valid(name_surveys: NameSurveys, recorder: Recorder) -> None:
    """No certificate has expired or expires within days. Up to 30 days are a warning."""
    judge_days(name_surveys.tls(), datetime.datetime.now(datetime.UTC)).conclude(recorder)


@pytest.mark.rule(Rule.SECURITY_HEADERS)
def test_hsts_is_as_promised(name_surveys: NameSurveys, promises: Mapping[str, Any], recorder: Recorder) -> None:
    """The HSTS policy of each name of the Worker is at least as strong as the promised one."""
    judge_hsts(name_surveys.tls(), promises["security_headers"].get(HSTS, "")).conclude(recorder)


@pytest.mark.rule(Rule.HTTPS)
def test_http_leads_to_https(name_surveys: NameSurveys, recorder: Recorder) -> None:
    """Plain http of each name of the Worker is redirected by 301 with its path and query."""
    judge_redirect(name_surveys.tls()).conclude(recorder)

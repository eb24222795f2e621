"""DNS of each name in use: the authoritative servers, and the answer of a resolver."""

import pytest

from cutover.core.recorder import Recorder
from cutover.preflight.dns_access import RESOLVER, NameSurveys
from cutover.preflight.dns_caa import judge_caa
from cutover.preflight.dns_judgement import RESOLVING
from cutover.preflight.dns_records import judge_resolution, judge_ttl
from cutover.preflight.dns_servers import SERVING, judge_disagreement, judge_lame, judge_missing, judge_slow

pytestmark = [
    pytest.mark.preflight,
    pytest.mark.needs("dns"),
    pytest.mark.plan("DNS and Domain Configuration"),
]


@pytest.mark.owns(RESOLVER, RESOLVING)
def test_names_resolve(name_surveys: NameSurveys, recorder: Recorder) -> None:
    """Each name in use has an address, and no CNAME is dangling."""
    dns = name_surveys.dns(owns_resolver=True)
    recorder.measure("DNS: time of the survey (s)", dns.wall_s, "reported")
    recorder.measure("DNS: time waiting, all questions (s)", dns.waited_s, "reported")
    judge_resolution(dns).conclude(recorder)


@pytest.mark.owns(SERVING)
def test_dns_servers_respond(name_surveys: NameSurveys, recorder: Recorder) -> None:
    """Each authoritative server of each zone responds."""
    judge_missing(name_surveys.dns()).conclude(recorder)


@pytest.mark.owns(SERVING)
def test_dns_servers_have_authority(name_surveys: NameSurveys, recorder: Recorder) -> None:
    """No authoritative server is lame: each answers with authority for its zone."""
    judge_lame(name_surveys.dns()).conclude(recorder)


def test_dns_servers_agree(name_surveys: NameSurveys, recorder: Recorder) -> None:
    """The authoritative servers give the same answers, and the resolver gives theirs."""
    judge_disagreement(name_surveys.dns()).conclude(recorder)


def test_dns_servers_are_fast(name_surveys: NameSurveys, recorder: Recorder) -> None:
    """Each authoritative server responds before a resolver would ask another one."""
    judge_slow(name_surveys.dns()).conclude(recorder)


def test_ttl_allows_a_cutover(name_surveys: NameSurveys, recorder: Recorder) -> None:
    """No record of a name stays in caches for longer than the limit."""
    judge_ttl(name_surveys.dns()).conclude(recorder)


def test_caa_permits_the_ca(name_surveys: NameSurveys, recorder: Recorder) -> None:
    """The CAA records of each name permit the CA of its certificate, or there are none."""
    judge_caa(name_surveys.dns(), name_surveys.tls_if_any()).conclude(recorder)

"""The checks of DNS against real servers on loopback: two authoritative servers and a recursive resolver."""

import contextlib
import re
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import dns.message
import dns.rrset
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.surroundings.dns_part import NAMES, ZONE
from reference.surroundings.dns_server import DnsListener, NameServer
from reference.surroundings.serving import Serving
from tests.suite.support.named_deployment import LOOPBACK, NamedDeployment, findings_of, judge_dns

from cutover.config.preflight_dns import DnsServer, DnsSettings
from cutover.core.errors import Blocked, MeasurementError, Refused, Stopped, Unreachable
from cutover.core.recorder import Recorder
from cutover.core.safety import AllowList, KillSwitch
from cutover.preflight.dns_judgement import RESOLVING, Judgement, merged
from cutover.preflight.dns_queries import DnsAnswer, DnsClient, Outcome
from cutover.preflight.dns_servers import SERVING
from cutover.preflight.dns_survey import survey
from cutover.preflight.findings import Finding, PreflightFailed

pytestmark = pytest.mark.unit

API = f"api.{ZONE}"
PROXIED = "104.16.1.1"


@pytest.fixture
def deployment(tmp_path: Path) -> NamedDeployment:
    """Return an honest deployment, which a test changes."""
    return NamedDeployment(tmp_path)


def test_honest_zone_has_no_finding(deployment: NamedDeployment) -> None:
    """Apex, www and the API resolve, and every check has measured something or compared answers."""
    found = deployment.survey_dns()
    judged = judge_dns(found)
    assert findings_of(judged) == []
    assert not any(each.blocked or each.unreachable or each.unverified for each in judged.values())
    assert all(each.measured for each in judged.values())
    assert {host: found.addresses(host) for host in NAMES} == dict.fromkeys(NAMES, (LOOPBACK,))
    assert found.waited_s > 0


def silent(deployment: NamedDeployment) -> None:
    """Make the second server respond never."""
    deployment.servers[1].answers = False
    deployment.dns_settings["timeout_s"] = 0.3


def lame(deployment: NamedDeployment) -> None:
    """Make the second server refuse the zone."""
    deployment.servers[1].is_authoritative = False


def unloaded(deployment: NamedDeployment) -> None:
    """Make the second server responsible for another zone only."""
    deployment.servers[1].zone = "other.test"


def disagreeing(deployment: NamedDeployment) -> None:
    """Give the second server an old address."""
    deployment.servers[1].records[API, "A"] = (300, ["127.0.0.9"])


def incomplete(deployment: NamedDeployment) -> None:
    """Give the second server no record of the API."""
    del deployment.servers[1].records[API, "A"]


def slow(deployment: NamedDeployment) -> None:
    """Make the second server respond late."""
    deployment.servers[1].delay_ms = 700
    deployment.dns_settings |= {"slow_ms": 500.0, "timeout_s": 3.0}


def unresolved(deployment: NamedDeployment) -> None:
    """Remove the record of the API."""
    deployment.without(API, "A")


def without_address(deployment: NamedDeployment) -> None:
    """Leave the API a record of another type."""
    deployment.on_all(TXT=(300, ['"x"']))
    deployment.without(API, "A")


def dangling(deployment: NamedDeployment) -> None:
    """Point the API at a name of another zone that does not exist."""
    deployment.on_all(CNAME=(300, ["old-app.gone.test."]))
    deployment.without(API, "A")


def dangling_inside(deployment: NamedDeployment) -> None:
    """Point the API at a name of the zone that has no address."""
    deployment.on_all(CNAME=(300, [f"nothing.{ZONE}."]))
    deployment.without(API, "A")
    for server in deployment.servers:
        server.records[f"nothing.{ZONE}", "TXT"] = (300, ['"x"'])


def long_ttl(deployment: NamedDeployment) -> None:
    """Let caches hold the API for a day."""
    deployment.on_all(A=(86_400, [LOOPBACK]))


def long_ttl_of_alias(deployment: NamedDeployment) -> None:
    """Let caches hold a CNAME for a day, and its target for 300 s."""
    for server in deployment.servers:
        server.records[f"www.{ZONE}", "CNAME"] = (86_400, [f"{ZONE}."])


def cached_ttl(deployment: NamedDeployment) -> None:
    """Let the resolver hold the record from before its TTL was lowered."""
    deployment.resolver.held[API, "A"] = (7200, [LOOPBACK])


def cached_address(deployment: NamedDeployment) -> None:
    """Let the resolver hold an old address."""
    deployment.resolver.held[API, "A"] = (200, ["127.0.0.9"])


FAULTS: dict[Callable[[NamedDeployment], None], tuple[str, str]] = {
    silent: (r"dns:missing:127\.0\.0\.1:\d+", "no response in 0.3 s, asked up to 3 times"),
    lame: (r"dns:lame:127\.0\.0\.1:\d+", r"REFUSED, without the flag AA.*lame delegation"),
    unloaded: (r"dns:lame:127\.0\.0\.1:\d+", "lame delegation"),
    disagreeing: (f"dns:disagree:{API}", r"A 127\.0\.0\.1; 127.*A 127\.0\.0\.9"),
    incomplete: (f"dns:disagree:{API}", "does not exist"),
    slow: (r"dns:slow:127\.0\.0\.1:\d+", r"\d+ ms: resolvers ask another server"),
    unresolved: (f"dns:unresolved:{API}", r"the name does not exist \(NXDOMAIN\)"),
    without_address: (f"dns:unresolved:{API}", "no record of this type"),
    dangling: (f"dns:dangling-cname:{API}", "a dangling CNAME: old-app.gone.test does not exist"),
    dangling_inside: (f"dns:dangling-cname:{API}", f"a dangling CNAME: nothing.{ZONE} has no A or AAAA record"),
    long_ttl: (f"dns:ttl:{API}", "86400 s: after a switch, caches"),
    long_ttl_of_alias: (f"dns:ttl:www.{ZONE}", "86400 s: after a switch, caches"),
    cached_ttl: (f"dns:cached-ttl:{API}", "7200 s left: it holds the record"),
    cached_address: (f"dns:resolver-differs:{API}", r"A 127\.0\.0\.9; it expires there in 200 s"),
}
"""Change -> the only finding, and what it must say. The names contain a port only where a server has no name."""


@pytest.mark.parametrize("change", FAULTS, ids=lambda change: change.__name__)
def test_each_fault_is_one_finding(deployment: NamedDeployment, change: Callable[[NamedDeployment], None]) -> None:
    """With its own name and message, and no finding of another check."""
    change(deployment)
    judged = judge_dns(deployment.survey_dns())
    found = [finding for each in judged.values() for finding in each.findings]
    name, words = FAULTS[change]
    assert [bool(re.fullmatch(name, finding.name)) for finding in found] == [True], found
    assert re.search(words, found[0].got)


def test_four_server_faults_have_four_messages(tmp_path: Path) -> None:
    """Missing, lame, disagreeing and slow servers differ in check, name, expectation and advice."""
    findings = []
    for change in (silent, lame, disagreeing, slow):
        deployment = NamedDeployment(tmp_path)
        change(deployment)
        findings += [each for judged in judge_dns(deployment.survey_dns()).values() for each in judged.findings]
    assert len(findings) == len({each.name.split(":")[1] for each in findings}) == 4
    assert len({each.expected for each in findings}) == len({each.do_next for each in findings}) == 4


def test_domain_that_is_not_delegated_is_one_finding(deployment: NamedDeployment) -> None:
    """A name without zone and address is a finding of its resolution. It blocks every other check."""
    deployment.names = ("api.gone.test",)
    judged = judge_dns(deployment.survey_dns())
    assert findings_of(judged) == ["dns:unresolved:api.gone.test"]
    assert "the domain is not delegated" in judged["judge_resolution"].findings[0].got
    assert all(list(each.blocked) == [RESOLVING] for name, each in judged.items() if name != "judge_resolution")


def test_lame_servers_alone_block_the_comparison(deployment: NamedDeployment) -> None:
    """Without any server with authority, no answer can be compared: blocked, and the servers are the finding."""
    found = deployment.survey_dns()
    refused = {
        server: replace(answer, authoritative=False, outcome=Outcome.REFUSED) for server, answer in found.soa.items()
    }
    judged = judge_dns(replace(found, soa=refused))
    assert {name.split(":")[1] for name in findings_of(judged)} == {"lame"}
    assert {name for name, each in judged.items() if SERVING in each.blocked} == {"judge_disagreement", "judge_ttl"}


def test_unresolved_name_blocks_its_ttl(deployment: NamedDeployment) -> None:
    """The check of the TTL is blocked for that name and names it."""
    unresolved(deployment)
    assert judge_dns(deployment.survey_dns())["judge_ttl"].blocked == {RESOLVING: [f"{API} does not resolve"]}


def test_silent_servers_are_no_finding_together(deployment: NamedDeployment) -> None:
    """If no authoritative server responds and the resolver does, the network is the likely cause: INVALID."""
    for server in deployment.servers:
        server.answers = False
    deployment.dns_settings["timeout_s"] = 0.3
    deployment.resolver.servers = [NameServer(ZONE, deployment.servers[0].records)]
    with Serving([listener := DnsListener(deployment.resolver.servers[0].respond)]):
        deployment.resolver.servers[0].port = listener.port
        judged = judge_dns(deployment.survey_dns())
    assert findings_of(judged) == []
    assert len(judged["judge_missing"].unreachable) == 1
    assert "port 53" in judged["judge_missing"].unreachable[0]
    assert all(
        SERVING in judged[name].blocked for name in ("judge_lame", "judge_disagreement", "judge_slow", "judge_ttl")
    )


def test_servers_without_a_route_are_no_finding(deployment: NamedDeployment) -> None:
    """A network without IPv6 cannot judge a zone whose servers have IPv6 only: INVALID, and no passed check."""
    found = deployment.survey_dns()
    judged = judge_dns(replace(found, unrouted=found.servers, soa={}, authoritative={}))
    assert findings_of(judged) == []
    assert "no route to any authoritative server" in judged["judge_missing"].unreachable[0]


@pytest.mark.parametrize("closed", [False, True])
def test_unreachable_resolver_is_one_measurement_error(deployment: NamedDeployment, closed: bool) -> None:
    """With the key of its address and the number of tries, if the port is silent or closed."""
    deployment.resolver.answers = False
    deployment.dns_settings["timeout_s"] = 0.05
    with contextlib.ExitStack() as servers:
        settings = servers.enter_context(deployment.serving_dns())
        if closed:
            servers.close()
        with pytest.raises(Unreachable, match=r"preflight\.dns\.resolver.*no response in 0\.05 s") as raised:
            survey(deployment.client(settings), settings, deployment.used())
    assert "up to 3 times" in str(raised.value)


def test_server_that_is_no_resolver_is_a_measurement_error(deployment: NamedDeployment) -> None:
    """An authoritative server in place of a resolver, and one that refuses this machine."""
    deployment.resolver.is_recursive = False
    with pytest.raises(MeasurementError, match="is not a resolver: its responses have no flag RA"):
        deployment.survey_dns()
    with deployment.serving_dns() as settings:
        deployment.servers[0].is_authoritative = False
        refusing = DnsSettings(resolver=settings.authoritative[0], timeout_s=1.5)
        with pytest.raises(MeasurementError, match="refuses this machine"):
            survey(deployment.client(refusing), refusing, deployment.used())


@pytest.mark.parametrize("start", [0, 1])
def test_rotating_addresses_do_not_disagree(deployment: NamedDeployment, start: int) -> None:
    """A zone that answers with one of its addresses at a time, in another order on each server."""

    class Rotating(NameServer):
        """A server that gives another address each time."""

        turn = 0

        async def respond(self, query: object) -> object:  # type: ignore[override] # dnspython's message
            self.turn += 1
            self.records[API, "A"] = (300, [f"127.0.0.{1 + self.turn % 2}"])
            return await super().respond(query)  # type: ignore[arg-type]

    deployment.names = (API,)
    deployment.servers[:] = [Rotating(ZONE, dict(server.records)) for server in deployment.servers]
    deployment.servers[1].turn = start  # type: ignore[attr-defined]
    assert findings_of(judge_dns(deployment.survey_dns())) == []


def test_ttl_of_a_target_elsewhere_does_not_count(deployment: NamedDeployment) -> None:
    """A cutover changes the CNAME record, not its target in another zone."""
    deployment.on_all(CNAME=(300, ["edge.cdn.test."]))
    deployment.without(API, "A")
    outside = NameServer("cdn.test", {("edge.cdn.test", "A"): (86_400, [LOOPBACK])})
    deployment.resolver.servers = [*deployment.servers, outside]
    with Serving([listener := DnsListener(outside.respond)]):
        outside.port = listener.port
        found = deployment.survey_dns()
    assert found.addresses(API) == (LOOPBACK,)
    assert findings_of(judge_dns(found)) == []


def test_long_answer_is_read_over_tcp(deployment: NamedDeployment) -> None:
    """A response that does not fit into UDP is complete."""
    addresses = [f"127.0.{number}.1" for number in range(120)]
    deployment.on_all(A=(300, addresses))
    found = deployment.survey_dns()
    assert len(found.addresses(API)) == 120
    assert findings_of(judge_dns(found)) == []


def test_proxied_name_says_what_dns_cannot_show(deployment: NamedDeployment) -> None:
    """Addresses of Cloudflare's edge are a note of the check, not of another name."""
    deployment.on_all(A=(300, [PROXIED, "104.21.3.4"]), AAAA=(300, ["2606:4700::1"]))
    judged = judge_dns(deployment.survey_dns())["judge_resolution"]
    assert [text.split(":")[0] for text in judged.could_not_detect] == [f"{API} is proxied by Cloudflare"]


def test_apex_and_www_are_named_if_they_are_not_checked(deployment: NamedDeployment) -> None:
    """Users try both. An environment without them says so, and is not judged by them."""
    deployment.names = (API,)
    judged = judge_dns(deployment.survey_dns())
    assert [text.split(":")[0] for text in judged["judge_resolution"].could_not_detect] == [
        f"faults of {ZONE}", f"faults of www.{ZONE}",
    ]  # fmt: skip
    assert findings_of(judged) == []


def test_alias_of_a_wildcard_service_is_noted(deployment: NamedDeployment) -> None:
    """workers.dev answers for any name, so a deleted project behind a CNAME stays unseen."""
    deployment.on_all(CNAME=(300, ["list-cutter.workers.dev."]))
    deployment.without(API, "A")
    outside = NameServer("workers.dev", {("list-cutter.workers.dev", "A"): (300, [LOOPBACK])})
    deployment.resolver.servers = [*deployment.servers, outside]
    with Serving([listener := DnsListener(outside.respond)]):
        outside.port = listener.port
        judged = judge_dns(deployment.survey_dns())
    assert findings_of(judged) == []
    assert "workers.dev answers for any name" in judged["judge_resolution"].could_not_detect[0]


class LoopbackClient(DnsClient):
    """A client that reaches port 53 of other loopback addresses at the ports where the servers listen."""

    ports: dict[str, int]

    def ask(self, server: DnsServer, name: str, kind: str, *, recurse: bool) -> DnsAnswer:
        """Ask at the real port."""
        if server.host not in self.ports:
            return super().ask(server, name, kind, recurse=recurse)
        real = DnsServer(LOOPBACK, self.ports[server.host])
        self.allow_servers_of_zones([real])
        return super().ask(real, name, kind, recurse=recurse)


@pytest.mark.parametrize("ghost", [False, True])
def test_servers_are_found_by_the_named_resolver(deployment: NamedDeployment, ghost: bool) -> None:
    """Those of the NS records of the names' own zone. A server whose name has no address is missing."""
    for server in deployment.servers:
        server.records[f"ns1.{ZONE}", "A"] = (300, ["127.0.0.2"])
        server.records[f"ns2.{ZONE}", "A"] = (300, ["127.0.0.3"])
    if ghost:
        deployment.without(f"ns2.{ZONE}", "A")
    with deployment.serving_dns() as settings:
        found_by_resolver = DnsSettings(resolver=settings.resolver, timeout_s=1.5)
        client = LoopbackClient(AllowList({}, found_by_resolver.servers), deployment.kill_switch, 1.5)
        client.ports = dict(zip(("127.0.0.2", "127.0.0.3"), (s.port for s in deployment.servers), strict=True))
        found = survey(client, found_by_resolver, deployment.used())
    assert [server.host for server in found.servers] == [f"ns1.{ZONE}", f"ns2.{ZONE}"]
    assert findings_of(judge_dns(found)) == ([f"dns:missing:ns2.{ZONE}"] if ghost else [])


def test_other_servers_are_refused(deployment: NamedDeployment) -> None:
    """The client asks a named server, and none that the environment does not name. A kill switch stops it."""
    with deployment.serving_dns() as settings:
        client = DnsClient(AllowList({}, {"resolver": (LOOPBACK, settings.resolver.port)}), deployment.kill_switch, 0.3)
        assert client.ask(settings.resolver, API, "A", recurse=True).records == (LOOPBACK,)
        with pytest.raises(Refused, match="is not a server of this environment"):
            client.ask(settings.authoritative[0], API, "A", recurse=False)
        (deployment.folder / "STOP").touch()
        stopped = DnsClient(AllowList({}, settings.servers), KillSwitch(deployment.folder), 0.3)
        with pytest.raises(Stopped):
            stopped.ask(settings.resolver, API, "A", recurse=True)


@pytest.mark.parametrize("name", ["a" * 64 + ".test", ".".join(["a" * 60] * 5)])
def test_name_that_dns_forbids_ends_without_an_error(deployment: NamedDeployment, name: str) -> None:
    """A URL may contain one: it does not resolve, and says why."""
    with deployment.serving_dns() as settings:
        answer = deployment.client(settings).ask(settings.resolver, name, "A", recurse=True)
    assert answer.code.startswith("not a DNS name")


@settings(max_examples=40, deadline=None)  # some examples wait for three tries
@given(st.data())
def test_any_bytes_are_a_response_or_none(data: st.DataObject) -> None:
    """A response with changed bytes ends as a response or as none, never with an error."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((LOOPBACK, 0))
        server.settimeout(5)
        address = DnsServer(LOOPBACK, server.getsockname()[1])
        client = DnsClient(AllowList({}, {"x": (LOOPBACK, address.port)}), KillSwitch(Path("/")), 0.01)
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(client.ask, address, API, "A", recurse=True)
            wire, sender = server.recvfrom(2048)
            response = dns.message.make_response(dns.message.from_wire(wire))
            for owner, kind, text in ((API, "CNAME", f"{ZONE}."), (ZONE, "A", LOOPBACK), (ZONE, "CAA", '0 issue "a"')):
                response.answer.append(dns.rrset.from_text(f"{owner}.", 300, "IN", kind, text))
            changed = bytearray(response.to_wire())
            for _ in range(data.draw(st.integers(0, 4))):
                changed[data.draw(st.integers(2, len(changed) - 1))] = data.draw(st.integers(0, 255))
            server.sendto(bytes(changed[: data.draw(st.integers(0, len(changed)))]), sender)
            answer = asked.result()
    assert answer.shown
    assert answer.responded or answer.records == ()


def test_bytes_that_are_not_dns_are_no_response(deployment: NamedDeployment) -> None:
    """A server that sends garbage is not taken for one that answers."""

    class Garbage(DnsListener):
        """A listener that sends back what it gets, without its second half."""

        def _take(self, data: bytes, sender: tuple[str, int]) -> None:
            assert self._datagrams is not None
            self._datagrams.sendto(data[: len(data) // 2], sender)

    with Serving([listener := Garbage(deployment.resolver.respond)]):
        server = DnsServer(LOOPBACK, listener.port)
        client = DnsClient(AllowList({}, {"x": (LOOPBACK, server.port)}), deployment.kill_switch, 0.1)
        assert not client.ask(server, API, "A", recurse=True).responded


def test_findings_come_before_blocked_parts() -> None:
    """A check with a finding fails, and its record says what else it did not judge."""
    judged, recorder = Judgement(), Recorder()
    judged.block(RESOLVING, "b.test does not resolve")
    judged.warnings.append("soon")
    with pytest.raises(Blocked):
        judged.conclude(recorder)
    judged.findings.append(Finding("dns:x", "a", "b", "c", "d", "e"))
    with pytest.raises(PreflightFailed):
        judged.conclude(recorder)
    assert "b.test does not resolve" in recorder.incomplete
    assert recorder.warnings == ["soon"]


def test_one_cause_at_several_names_is_one_finding() -> None:
    """One certificate for three names. A finding with another text, or of another kind, stays its own."""
    hosts = ("b.test", "a.test", "c.test")
    same = [Finding(f"tls:expired:{host}", f"{host} (192.0.2.1:443)", "e", "g", "p", "n") for host in hosts]
    other = [replace(same[0], got="h"), replace(same[0], name="tls:self-signed:b.test")]
    found = merged([*same, *other])
    assert [each.name for each in found] == [
        "tls:expired:a.test+b.test+c.test", "tls:expired:b.test", "tls:self-signed:b.test",
    ]  # fmt: skip
    assert found[0].place == "; ".join(each.place for each in same)
    assert merged(reversed(same))[0].name == found[0].name


def test_outcomes_without_response_are_no_answer() -> None:
    """Each kind of a missing response counts as none, and each other kind as a response."""
    server = DnsServer(LOOPBACK)
    responded = {outcome for outcome in Outcome if DnsAnswer(server, "a.test", "A", outcome).responded}
    assert set(Outcome) - responded == {Outcome.TIMEOUT, Outcome.UNREACHABLE, Outcome.MALFORMED}

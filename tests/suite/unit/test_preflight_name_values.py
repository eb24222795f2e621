"""The values that the checks of DNS and TLS read: settings, names in certificates, HSTS, CAA, handshake records."""

import datetime
import ipaddress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference.surroundings.certificates import Authority, CertificateSpec

from cutover.config.environments import load_environment
from cutover.config.preflight_dns import DNS, DnsServer, read_dns
from cutover.config.validation import ConfigurationError, root
from cutover.core.errors import NotApplicable, NotVerified, Refused
from cutover.preflight.dns_caa import CaaRecord, permits, read_caa
from cutover.preflight.dns_names import names_in_use
from cutover.preflight.dns_proxied import is_proxied
from cutover.preflight.dns_queries import is_below, parents_of
from cutover.preflight.tls_certificates import name_matches, read_certificate
from cutover.preflight.tls_hello import chosen_version, client_hello
from cutover.preflight.tls_http import HstsPolicy, read_hsts

pytestmark = pytest.mark.unit

FILE = Path("environments.toml")
LABELS = st.text("abcdefgh0123456789", min_size=1, max_size=8)
HOSTS = st.lists(LABELS, min_size=2, max_size=5).map(".".join).filter(lambda name: not name[-1].isdigit())
ADDRESSES = st.ip_addresses().map(str)

TABLE = """
[mine]
safety = "read-only"
worker = {{ url = "{worker}" }}
legacy = {{ url = "{legacy}" }}
names = {names}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project with the contracts of this one."""
    (tmp_path / "contracts").symlink_to(root() / "contracts")
    return tmp_path


def load(
    project: Path, text: str, *, worker: str = "https://api.a.test", legacy: str = "https://b.test:8443"
) -> list[tuple[str, str, int]]:
    """Return the names in use of an environment with this text after its table, as (host, role, port)."""
    names = '["https://a.test", "https://www.a.test", "https://api.a.test:444"]'
    if "127.0.0.1" in worker:
        names = "[]"
    (project / "environments.toml").write_text(TABLE.format(worker=worker, legacy=legacy, names=names) + text)
    environment = load_environment(project, "mine", variables={})
    return [(used.host, used.role, used.port) for used in names_in_use(environment)]


def test_names_in_use_are_those_of_the_urls(project: Path) -> None:
    """Of Worker, legacy and front end, each origin once, and the further names of the table."""
    found = load(project, '[mine.preflight.dns]\nresolver = "192.0.2.1"\nnames = ["cdn.a.test", "www.a.test"]')
    assert found == [
        ("api.a.test", "worker", 443),
        ("b.test", "legacy", 8443),
        ("a.test", "name", 443),
        ("www.a.test", "name", 443),
        ("api.a.test", "name", 444),
        ("cdn.a.test", "name", 443),
    ]


def test_names_need_the_table(project: Path) -> None:
    """Without it nothing is verified, and the reason names what to add."""
    with pytest.raises(NotVerified, match=r"\[mine\.preflight\.dns\] is missing: add resolver"):
        load(project, "")


def test_addresses_need_no_dns(project: Path) -> None:
    """An environment whose URLs have addresses only: the checks are not required."""
    with pytest.raises(NotApplicable, match="every URL of mine has an address"):
        load(
            project,
            '[mine.preflight.dns]\nresolver = "192.0.2.1"',
            worker="http://127.0.0.1:1",
            legacy="http://localhost:2",
        )


def test_named_servers_are_allowed_and_no_others(project: Path) -> None:
    """The resolver, the authoritative servers and the further names belong to the environment's hosts."""
    load(
        project,
        '[mine.preflight.dns]\nresolver = "192.0.2.1:5353"\nauthoritative = ["192.0.2.2"]\nnames = ["cdn.a.test"]',
    )
    allowed = load_environment(project, "mine", variables={}).allowed
    allowed.permit_server("192.0.2.1", 5353)
    allowed.permit_server("192.0.2.2", 53)
    allowed.permit("https://cdn.a.test/x")
    for host, port in (("192.0.2.1", 53), ("192.0.2.3", 53)):
        with pytest.raises(Refused):
            allowed.permit_server(host, port)


@given(ADDRESSES, st.integers(1, 65_535))
def test_server_is_read_as_it_is_shown(host: str, port: int) -> None:
    """Address and port of IPv4 and IPv6 survive being written and read."""
    server = DnsServer(host, port)
    row = DNS.read(FILE, "x", {"resolver": str(server), "authoritative": [str(server)]})
    settings = read_dns(FILE, "x", row)
    assert (settings.resolver, settings.authoritative) == (server, (server,))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("resolver", "dns.example.org"),
        ("resolver", "192.0.2.1:"),
        ("resolver", "192.0.2.1:0"),
        ("resolver", "192.0.2.1:65536"),
        ("resolver", "192.0.2.1:\uff15\uff13"),
        ("resolver", "[192.0.2.1"),
        ("resolver", "300.0.2.1"),
        ("resolver", ""),
        ("authoritative 1", ["ns1.example.org"]),
        ("authoritative", ["192.0.2.2", "192.0.2.2:53"]),
        ("names 1", ["https://a.test"]),
        ("names 1", ["a"]),
        ("names 1", ["a..test"]),
        ("names 1", ["192.0.2.1"]),
        ("names 1", ["-a.test"]),
        ("names 1", ["a" * 64 + ".test"]),
        ("names", ["a.test", "A.test."]),
        ("max_ttl_s", 0),
        ("slow_ms", 0),
        ("timeout_s", 3600),
    ],
)
def test_wrong_dns_setting_is_refused(key: str, value: object) -> None:
    """With its key, and without a traceback of another kind."""
    with pytest.raises(ConfigurationError) as raised:
        read_dns(FILE, "x", DNS.read(FILE, "x", {"resolver": "192.0.2.1", key.split(" ")[0]: value}))
    assert raised.value.key == f"x.{key}"


@given(st.text(max_size=40))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    """No text in the place of an address or of a name ends with another error."""
    for row in ({"resolver": text}, {"resolver": "192.0.2.1", "names": [text]}):
        try:
            settings = read_dns(FILE, "x", DNS.read(FILE, "x", row))
        except ConfigurationError:
            continue
        ipaddress.ip_address(settings.resolver.host)
        assert all(name.isascii() and name == name.lower() for name in settings.names)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("fail_days = 31", "expected at most warn_days = 30, got 31"),
        ('ca_file = "none.pem"', "expected a PEM file"),
        ("port = 0", "expected 1 to 65535"),
        ("warn_days = -1", "expected 0 to 825"),
    ],
)
def test_wrong_tls_setting_is_refused(project: Path, text: str, words: str) -> None:
    """With its key."""
    with pytest.raises(ConfigurationError, match=words) as raised:
        load(project, f"[mine.preflight.tls]\n{text}")
    assert raised.value.key == f"mine.preflight.tls.{text.split()[0]}"


@given(HOSTS, LABELS)
def test_wildcard_covers_exactly_one_label(host: str, label: str) -> None:
    """The case and a dot at the end do not count."""
    assert name_matches(host, host)
    assert name_matches(f"{host.upper()}.", host)
    assert name_matches(f"*.{host}", f"{label}.{host}")
    assert not name_matches(f"*.{host}", host)
    assert not name_matches(f"*.{host}", f"{label}.{label}.{host}")
    assert not name_matches(host, f"{label}.{host}")


@pytest.mark.parametrize("pattern", ["*", "*.*", "*.test", "w*.a.test", "*w.a.test", ""])
def test_broad_and_partial_wildcards_cover_nothing(pattern: str) -> None:
    """A wildcard is a whole first label, below at least two others (RFC 9525 6.3)."""
    assert not any(name_matches(pattern, host) for host in ("a.test", "www.a.test", "w.a.test"))


@given(HOSTS)
def test_parents_end_above_the_top_level(host: str) -> None:
    """A name is below each of its parents, and each has at least two labels."""
    parents = parents_of(host)
    assert parents[0] == host
    assert all("." in parent and is_below(host, parent) for parent in parents)
    assert not is_below(f"x{host}", host)


@given(st.integers(0, 10**12), st.booleans(), st.booleans(), st.randoms(use_true_random=False))
def test_hsts_is_read_in_any_form(age: int, subdomains: bool, preload: bool, random: object) -> None:
    """The order, the case, quotes, white space and unknown directives do not count."""
    parts = [f"max-age={age}", "x=y", "", *["includeSubDomains"] * subdomains, *["preload"] * preload]
    random.shuffle(parts)  # type: ignore[attr-defined] # a Random
    expected = HstsPolicy(age, subdomains, preload)
    assert read_hsts(";".join(parts)) == expected
    quoted = " ; ".join(parts).replace(f"max-age={age}", f'MAX-AGE = "{age}"')
    assert read_hsts(quoted.replace("includeSubDomains", "INCLUDESUBDOMAINS")) == expected


@pytest.mark.parametrize(
    "value", ["", "preload", "max-age", "max-age=", "max-age=x", "max-age=-1", "max-age=1.5", "max-age=1; max-age=2",
              "max-age=1 2", "max-age=1, includeSubDomains", "max-age=\u0661"],
)  # fmt: skip
def test_invalid_hsts_is_no_policy(value: str) -> None:
    """A header without a valid max-age, or with a directive twice (RFC 6797 6.1)."""
    assert read_hsts(value) is None


@given(st.text(max_size=60))
def test_any_text_is_a_policy_or_none(text: str) -> None:
    """No header ends with an error."""
    policy = read_hsts(text)
    assert policy is None or policy.max_age >= 0
    record = read_caa(text)
    assert record is None or record.tag


def test_caa_records_are_read_in_parts() -> None:
    """Flags, property, domain name, and without the parameters of the CA."""
    assert read_caa('0 issue "ca.test; validationmethods=dns-01"') == CaaRecord(False, "issue", "ca.test")
    assert read_caa('128 issue ";"') == CaaRecord(True, "issue", "")
    assert read_caa("0 issue letsencrypt.org") is None


@pytest.mark.parametrize(
    ("texts", "wildcard", "permitted"),
    [
        ([], False, True),
        (['0 iodef "mailto:a@a.test"'], False, True),
        (['0 issue "ca.test"'], False, True),
        (['0 issue "other.test"'], False, False),
        (['0 issue "other.test"', '0 issue "ca.test"'], False, True),
        (['0 issue ";"'], False, False),
        (['0 issue "ca.test"', '0 issuewild ";"'], False, True),
        (['0 issue "ca.test"', '0 issuewild ";"'], True, False),
        (['0 issue "other.test"', '0 issuewild "ca.test"'], True, True),
        (['0 issuewild "other.test"'], False, True),
        (['0 issue "ca.test"', '128 future "x"'], False, False),
        (['0 issue "ca.test"', '0 future "x"'], False, True),
        (['128 issue "ca.test"'], False, True),
    ],
)
def test_caa_permits_as_rfc_8659_says(texts: list[str], wildcard: bool, permitted: bool) -> None:
    """issue, issuewild, the empty issuer, and unknown properties with and without the critical flag."""
    records = [record for text in texts if (record := read_caa(text)) is not None]
    assert permits(records, ["ca.test"], wildcard=wildcard) is permitted


@pytest.mark.parametrize(
    ("addresses", "proxied"),
    [
        (["104.16.0.1"], True), (["104.27.255.255", "2606:4700::1"], True), (["104.28.0.1"], False), ([], False),
        (["104.16.0.1", "192.0.2.1"], False), (["127.0.0.1"], False),
    ],
)  # fmt: skip
def test_proxied_needs_every_address_of_the_edge(addresses: list[str], proxied: bool) -> None:
    """One address elsewhere shows that the name is not proxied."""
    assert is_proxied(addresses) is proxied


def test_certificate_is_read_with_its_issuer() -> None:
    """Names in lower case, the days left, and if its own key signed it."""
    import ssl

    now = datetime.datetime.now(datetime.UTC)
    authority = Authority("Google Trust Services LLC")
    for issued_by, self_signed in (("intermediate", False), ("self", True)):
        pem = authority.issue(CertificateSpec(["a.test", "*.A.test"], days=12.5, issued_by=issued_by)).decode()
        first = pem[pem.index("-----BEGIN CERTIFICATE") : pem.index("-----END CERTIFICATE") + 25]
        found = read_certificate(ssl.PEM_cert_to_DER_cert(first))
        assert (found.names, found.days_left(now), found.self_signed) == (("a.test", "*.a.test"), 12, self_signed)
        assert found.covers("x.a.test")
        assert found.ca_domains == (() if self_signed else ("pki.goog",))


@given(st.binary(max_size=64))
def test_any_bytes_are_a_server_hello_or_none(data: bytes) -> None:
    """No response of a server ends with an error."""
    assert chosen_version(data) is None or data[0] == 22


@given(HOSTS, st.sampled_from([0x0301, 0x0302]))
def test_hello_has_the_lengths_that_it_declares(host: str, version: int) -> None:
    """Record, handshake and extensions contain exactly what their lengths say."""
    record = client_hello(host, version)
    assert int.from_bytes(record[3:5], "big") == len(record) - 5
    assert int.from_bytes(record[6:9], "big") == len(record) - 9
    assert int.from_bytes(record[9:11], "big") == version
    ciphers = int.from_bytes(record[44:46], "big")
    extensions = 46 + ciphers + 2
    assert int.from_bytes(record[extensions : extensions + 2], "big") == len(record) - extensions - 2
    assert host.encode() in record

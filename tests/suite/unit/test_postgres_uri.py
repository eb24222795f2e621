"""A PostgreSQL URI names one host and requires proof of its identity, or is refused in one sentence."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import conninfo

from cutover.config.postgres_uri import read_postgres_uri
from cutover.core.secrets import MASK, redact

pytestmark = pytest.mark.unit

PASSWORD = "p@ss/w%rd#1[2]"
ENCODED = "p%40ss%2Fw%25rd%231%5B2%5D"
BASE = f"postgresql://us%20er:{ENCODED}@db.example"


def test_uri_parts_are_decoded_with_the_strictest_mode() -> None:
    """Percent-encoding is decoded, the port defaults to 5432, and the mode to verify-full except on loopback."""
    found = read_postgres_uri(f"{BASE}/list%20cutter")
    assert (found.host, found.port, found.user, found.database) == ("db.example", 5432, "us er", "list cutter")
    assert (found.password.reveal(), found.sslmode, found.sslrootcert) == (PASSWORD, "verify-full", None)
    full = read_postgres_uri(f"{BASE}:6543/d?sslmode=verify-full&sslrootcert=/ca%20s.pem&channel_binding=require")
    assert (full.port, full.sslrootcert, full.channel_binding) == (6543, "/ca s.pem", "require")


@pytest.mark.parametrize(
    ("server", "host", "port"),
    [
        ("DB.Example:1", "db.example", 1),
        ("[2001:DB8::1]", "2001:db8::1", 5432),
        ("[2001:db8::1]:6", "2001:db8::1", 6),
        ("10.0.0.1:65535", "10.0.0.1", 65535),
    ],
)
def test_host_has_one_spelling(server: str, host: str, port: int) -> None:
    """Names are in lower case and IPv6 has no brackets, as in the list of allowed servers."""
    found = read_postgres_uri(f"postgres://u:{ENCODED}@{server}/d")
    assert (found.host, found.port) == (host, port)


@pytest.mark.parametrize("mode", ["disable", "allow", "prefer", "require", "verify-ca"])
def test_weaker_sslmode_is_allowed_on_loopback_only(mode: str) -> None:
    """A mode without proof of identity is refused for any other host, in every spelling."""
    for host in ("127.0.0.1", "localhost", "[::1]"):
        assert read_postgres_uri(f"postgresql://u:{ENCODED}@{host}/d?sslmode={mode}").sslmode == mode
    for name in ("sslmode", "%73slmode"):
        with pytest.raises(ValueError, match="does not prove the identity"):
            read_postgres_uri(f"{BASE}/d?{name}={mode}")
    assert read_postgres_uri(f"postgresql://u:{ENCODED}@127.0.0.1/d").sslmode == "prefer"


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("", "expected a URI"),
        ("host=db.example user=u password=secret dbname=d", "white space"),
        ("host=db.example", "key=value"),
        ("https://u:p@db.example/d", "expected a URI"),
        (f"postgresql://u:{ENCODED}@/d", "no host"),
        (f"postgresql://u:{ENCODED}@:5432/d", "no host"),
        ("postgresql:///d", "no host"),
        (f"postgresql:///d?host=db.example&user=u&password={ENCODED}", "no host"),
        (f"postgresql://u:{ENCODED}@%2Fvar%2Frun%2Fpostgresql/d", "Unix socket"),
        (f"postgresql://u:{ENCODED}@a.example,b.example/d", "several hosts"),
        (f"postgresql://u:{ENCODED}@a.example:1,127.0.0.1:2/d", "several hosts"),
        (f"{BASE}/d?host=other.example", "'host' is not allowed"),
        (f"{BASE}/d?host=%2Ftmp", "'host' is not allowed"),
        (f"{BASE}/d?hostaddr=10.0.0.1", "'hostaddr' is not allowed"),
        (f"{BASE}/d?%68ostaddr=10.0.0.1", "'hostaddr' is not allowed"),
        (f"{BASE}/d?service=x", "'service' is not allowed"),
        (f"{BASE}/d?options=-c%20default_transaction_read_only%3Doff", "'options' is not allowed"),
        (f"{BASE}/d?passfile=/etc/passwd", "'passfile' is not allowed"),
        (f"{BASE}/d?port=1", "'port' is not allowed"),
        (f"{BASE}/d?target_session_attrs=any", "only sslmode, sslrootcert, channel_binding"),
        (f"{BASE}/d?SSLMODE=disable", "'SSLMODE' is not allowed"),
        (f"{BASE}/d?sslmode", "expected one value"),
        (f"{BASE}/d?sslmode=", "expected one value"),
        (f"{BASE}/d?sslmode=verify-full&sslmode=disable", "expected one value"),
        (f"{BASE}/d?sslmode=full", "to be one of"),
        (f"{BASE}/d?channel_binding=no", "to be one of"),
        ("postgresql://db.example/d", "no user and password"),
        ("postgresql://u@db.example/d", "no user and password"),
        (f"postgresql://:{ENCODED}@db.example/d", "no user and password"),
        (BASE, "expected one database"),
        (f"{BASE}/", "expected one database"),
        (f"{BASE}/a/b", "expected one database"),
        ("postgresql://u:p@ss@db.example/d", "two @"),
        ("postgresql://u:pa#ss@db.example/d", "contains a #"),
        ("postgresql://u:pa%ss@db.example/d", "begins no escape"),
        ("postgresql://u:pa%00@db.example/d", "NUL"),
        ("postgresql://u:pa%ff@db.example/d", "not UTF-8"),
        ("postgresql://u:pa[ss@db.example/d", "brackets"),
        (f"postgresql://u:{ENCODED}@[10.0.0.1]/d", "brackets|IPv6"),
        (f"postgresql://u:{ENCODED}@-db.example/d", "not a valid host name"),
        (f"{BASE}:0/d", "expected a port"),
        (f"{BASE}:65536/d", "expected a port"),
        (f"{BASE}:x/d", "expected a port"),
        (f"{BASE}/d\nx", "white space"),
    ],
)
def test_unsafe_uri_is_refused_without_quoting_secrets(uri: str, words: str) -> None:
    """Other hosts, unproven identity, further options and other logins are refused, without quoting them."""
    with pytest.raises(ValueError, match=words) as caught:
        read_postgres_uri(uri)
    for hidden in (PASSWORD, ENCODED, "secret", "us er", "us%20er", "pa%ss", "p@ss", "pa#ss", "pa["):
        assert hidden not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_password_is_masked_in_both_spellings() -> None:
    """The password is masked as such and percent-encoded."""
    found = read_postgres_uri(f"{BASE}/d")
    assert PASSWORD not in repr(found) + str(found)
    assert redact(f"{PASSWORD} {ENCODED}") == f"{MASK} {MASK}"


@given(st.one_of(st.text(), st.text().map(lambda text: f"postgresql://{text}")))
def test_any_text_is_read_or_refused(uri: str) -> None:
    """Any text gives ValueError, or one host with proof of identity unless it is loopback."""
    try:
        found = read_postgres_uri(uri)
    except ValueError:
        return
    assert found.host
    assert not set(found.host) & set(",/%@ ")
    assert found.sslmode == "verify-full" or found.host in ("localhost", "::1") or found.host.startswith("127.")


parts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=8)
hosts = st.sampled_from(["db.example", "DB.example", "127.0.0.1", "localhost", "[::1]", "[2001:DB8::1]"])
queries = st.sampled_from(["", "?sslmode=verify-full", "?sslrootcert=/a%20b.pem&channel_binding=require"])


@given(parts, parts, hosts, st.none() | st.integers(1, 65_535), parts.filter(lambda text: "/" not in text), queries)
def test_accepted_uri_is_read_as_by_libpq(
    user: str, password: str, host: str, port: int | None, database: str, query: str
) -> None:
    """The oracle is the parser of the library that connects."""
    server = host if port is None else f"{host}:{port}"
    uri = f"postgresql://{quote(user, safe='')}:{quote(password, safe='')}@{server}/{quote(database, safe='')}{query}"
    ours, theirs = read_postgres_uri(uri), conninfo.conninfo_to_dict(uri)
    assert (ours.user, ours.password.reveal(), ours.database) == (user, password, database)
    assert (theirs["user"], theirs["password"], theirs["dbname"]) == (user, password, database)
    assert (ours.host, ours.port) == (str(theirs["host"]).lower(), int(theirs.get("port", 5432) or 5432))
    for option in ("sslmode", "sslrootcert", "channel_binding"):
        assert option not in theirs or getattr(ours, option) == theirs[option]


@given(
    st.text().map(lambda text: f"postgresql://{text}")
    | st.text(alphabet="up:@/?&=%4[]h.,12#").map("postgres://u:p@h".__add__)
)
def test_no_text_is_read_differently_by_libpq(uri: str) -> None:
    """A text that we accept names the same server, user and database for libpq."""
    try:
        ours = read_postgres_uri(uri)
    except ValueError:
        return
    theirs = conninfo.conninfo_to_dict(uri)
    assert (theirs["user"], theirs["password"], theirs["dbname"]) == (
        ours.user,
        ours.password.reveal(),
        ours.database,
    )
    assert (str(theirs["host"]).lower(), int(theirs.get("port", 5432) or 5432)) == (ours.host, ours.port)

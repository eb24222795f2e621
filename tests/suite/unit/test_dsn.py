"""A PostgreSQL URI leads to one host, proves who answers there, or is refused in one sentence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutover.config.postgres_uri import read_postgres_uri
from cutover.core.secrets import MASK, redact

pytestmark = pytest.mark.unit

PASSWORD = "p@ss/w%rd#1[2]"
ENCODED = "p%40ss%2Fw%25rd%231%5B2%5D"
BASE = f"postgresql://us%20er:{ENCODED}@db.example"


def test_parts_are_decoded_and_the_strictest_mode_is_meant() -> None:
    """Percent-encoding is undone, the port is PostgreSQL's, and off loopback no mode means verify-full."""
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
def test_host_is_written_in_one_way(server: str, host: str, port: int) -> None:
    """Names in lower case, IPv6 without its brackets: the list of allowed servers knows one spelling."""
    found = read_postgres_uri(f"postgres://u:{ENCODED}@{server}/d")
    assert (found.host, found.port) == (host, port)


@pytest.mark.parametrize("mode", ["disable", "allow", "prefer", "require", "verify-ca"])
def test_weaker_mode_is_for_loopback_only(mode: str) -> None:
    """What encrypts without proof, or may not encrypt at all, is refused for any other host, in whatever spelling."""
    for host in ("127.0.0.1", "localhost", "[::1]"):
        assert read_postgres_uri(f"postgresql://u:{ENCODED}@{host}/d?sslmode={mode}").sslmode == mode
    for name in ("sslmode", "%73slmode"):
        with pytest.raises(ValueError, match="does not prove who answers"):
            read_postgres_uri(f"{BASE}/d?{name}={mode}")
    assert read_postgres_uri(f"postgresql://u:{ENCODED}@127.0.0.1/d").sslmode == "prefer"


@pytest.mark.parametrize(
    ("dsn", "words"),
    [
        ("", "no URI"),
        ("host=db.example user=u password=secret dbname=d", "white space"),
        ("host=db.example", "key=value"),
        ("https://u:p@db.example/d", "no URI"),
        (f"postgresql://u:{ENCODED}@/d", "no host"),
        (f"postgresql://u:{ENCODED}@:5432/d", "no host"),
        ("postgresql:///d", "no host"),
        (f"postgresql:///d?host=db.example&user=u&password={ENCODED}", "no host"),
        (f"postgresql://u:{ENCODED}@%2Fvar%2Frun%2Fpostgresql/d", "Unix socket"),
        (f"postgresql://u:{ENCODED}@a.example,b.example/d", "several hosts"),
        (f"postgresql://u:{ENCODED}@a.example:1,127.0.0.1:2/d", "several hosts"),
        (f"{BASE}/d?host=other.example", "'host' is not taken"),
        (f"{BASE}/d?host=%2Ftmp", "'host' is not taken"),
        (f"{BASE}/d?hostaddr=10.0.0.1", "'hostaddr' is not taken"),
        (f"{BASE}/d?%68ostaddr=10.0.0.1", "'hostaddr' is not taken"),
        (f"{BASE}/d?service=x", "'service' is not taken"),
        (f"{BASE}/d?options=-c%20default_transaction_read_only%3Doff", "'options' is not taken"),
        (f"{BASE}/d?passfile=/etc/passwd", "'passfile' is not taken"),
        (f"{BASE}/d?port=1", "'port' is not taken"),
        (f"{BASE}/d?target_session_attrs=any", "only sslmode, sslrootcert, channel_binding"),
        (f"{BASE}/d?SSLMODE=disable", "'SSLMODE' is not taken"),
        (f"{BASE}/d?sslmode", "no value"),
        (f"{BASE}/d?sslmode=", "no value"),
        (f"{BASE}/d?sslmode=verify-full&sslmode=disable", "two"),
        (f"{BASE}/d?sslmode=full", "none of"),
        (f"{BASE}/d?channel_binding=no", "none of"),
        ("postgresql://db.example/d", "no user and password"),
        ("postgresql://u@db.example/d", "no user and password"),
        (f"postgresql://:{ENCODED}@db.example/d", "no user and password"),
        (BASE, "no single database"),
        (f"{BASE}/", "no single database"),
        (f"{BASE}/a/b", "no single database"),
        ("postgresql://u:p@ss@db.example/d", "two @"),
        ("postgresql://u:pa#ss@db.example/d", "holds a #"),
        ("postgresql://u:pa%ss@db.example/d", "begins no escape"),
        ("postgresql://u:pa%00@db.example/d", "NUL"),
        ("postgresql://u:pa%ff@db.example/d", "no UTF-8"),
        ("postgresql://u:pa[ss@db.example/d", "brackets"),
        (f"postgresql://u:{ENCODED}@[10.0.0.1]/d", "brackets|IPv6"),
        (f"postgresql://u:{ENCODED}@-db.example/d", "no host's name"),
        (f"{BASE}:0/d", "no port"),
        (f"{BASE}:65536/d", "no port"),
        (f"{BASE}:x/d", "no port"),
        (f"{BASE}/d\nx", "white space"),
    ],
)
def test_what_leaves_something_open_is_refused(dsn: str, words: str) -> None:
    """Another host than the one that is judged, one that is not proven, an option, a login from elsewhere: refused."""
    with pytest.raises(ValueError, match=words) as caught:
        read_postgres_uri(dsn)
    for hidden in (PASSWORD, ENCODED, "secret", "us er", "us%20er", "pa%ss", "p@ss", "pa#ss", "pa["):
        assert hidden not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_password_is_masked_in_both_spellings() -> None:
    """Whoever quotes the DSN or the password itself shows a mask."""
    found = read_postgres_uri(f"{BASE}/d")
    assert PASSWORD not in repr(found) + str(found)
    assert redact(f"{PASSWORD} {ENCODED}") == f"{MASK} {MASK}"


@given(st.one_of(st.text(), st.text().map(lambda text: f"postgresql://{text}")))
def test_any_text_is_read_or_refused(dsn: str) -> None:
    """Nothing makes the reading fall over, and what is read has one host and a proof, or is on loopback."""
    try:
        found = read_postgres_uri(dsn)
    except ValueError:
        return
    assert found.host
    assert not set(found.host) & set(",/%@ ")
    assert found.sslmode == "verify-full" or found.host in ("localhost", "::1") or found.host.startswith("127.")

"""Reads a PostgreSQL URI and judges where it leads and by what means, before anything is connected.

Not for connecting: stores/legacy_rows.py does, from these parts and never from the text, so that nothing
is judged in one reading and used in another. What libpq would add by itself (other hosts, a service file,
~/.pgpass, a TLS that proves nobody) is refused here, as nobody allowed it.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote, urlsplit

from cutover.core.safety import is_loopback
from cutover.core.secrets import Secret

_PORT: Final = 5432
_HOST: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?")
_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_TAKEN: Final = ("sslmode", "sslrootcert", "channel_binding")
_WHY_NOT: Final[Mapping[str, str]] = {
    "host": "the host stands before the path, where it is judged",
    "hostaddr": "it would connect to another address than the host that is judged",
    "port": "the port stands behind the host",
    "service": "a service file may lead to any host",
    "servicefile": "a service file may lead to any host",
    "options": "they could undo that the session only reads",
    "passfile": "the password stands in the URI",
    "password": "the password stands before the host",
    "user": "the user stands before the host",
    "dbname": "the database is the path",
}
_MODES: Final = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_PROVEN: Final = "verify-full"
_BINDINGS: Final = ("disable", "prefer", "require")


@dataclass(frozen=True)
class PostgresAddress:
    """One server, one database, one user, and how the connection is protected.

    host: a name or an IP address, lower case, IPv6 without brackets. sslmode: libpq's; off loopback always
    verify-full. sslrootcert: PEM file or "system", None when the URI names none. channel_binding: libpq's.
    """

    host: str
    port: int
    database: str
    user: str = field(repr=False)
    password: Secret = field(repr=False)
    sslmode: str = _PROVEN
    sslrootcert: str | None = None
    channel_binding: str = "prefer"

    @property
    def shown(self) -> str:
        """Host, port and database, for messages. Neither user nor password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"postgresql://{host}:{self.port}/{self.database}"


def read_postgres_uri(dsn: str) -> PostgresAddress:
    """The parts of `postgresql://USER:PASSWORD@HOST[:PORT]/DATABASE[?sslmode=…&sslrootcert=…&channel_binding=…]`.

    The grammar is libpq's, less what may lead elsewhere than to one named host, or would take a password, a
    host or an option from beside the URI.
    https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS

    Raises ValueError with one sentence that says what is wrong and quotes neither user nor password.
    """
    if any(character <= " " or character == "\x7f" for character in dsn):
        raise ValueError("it holds white space or a control character; percent-encode it")
    if not dsn.startswith(("postgresql://", "postgres://")):
        raise ValueError("it is no URI that begins with postgresql:// (libpq's key=value form is not taken)")
    if "#" in dsn:
        raise ValueError("it holds a #; percent-encode it (%23)")
    if _ESCAPE.search(dsn):
        raise ValueError("it holds a % that begins no escape; percent-encode it (%25)")
    try:
        parts = urlsplit(dsn)
    except ValueError:  # its text may quote the password
        raise ValueError("it cannot be parsed; percent-encode brackets and whatever is not ASCII") from None
    account, at, server = parts.netloc.rpartition("@")
    if "@" in account:
        raise ValueError("it holds two @ before the path; percent-encode that of the password (%40)")
    host, port = _server(server)
    user, _, password = account.partition(":")
    user, password, database = _decoded(user), _decoded(password), _decoded(parts.path.removeprefix("/"))
    if not at or not user or not password:
        raise ValueError(
            "it names no user and password; without them libpq would look for some in ~/.pgpass and in variables"
        )
    if not database or "/" in parts.path[1:]:
        raise ValueError("its path names no single database")
    options = _options(parts.query)
    mode = options.get("sslmode", "prefer" if is_loopback(host) else _PROVEN)
    if mode not in _MODES:
        raise ValueError(f"sslmode is none of {', '.join(_MODES)}")
    if mode != _PROVEN and not is_loopback(host):
        raise ValueError(
            f"sslmode={mode} does not prove who answers at {host}; off loopback it is verify-full, or left out, "
            "which means the same"
        )
    binding = options.get("channel_binding", "prefer")
    if binding not in _BINDINGS:
        raise ValueError(f"channel_binding is none of {', '.join(_BINDINGS)}")
    return PostgresAddress(
        host, port, database, user, Secret(password), mode, options.get("sslrootcert"), channel_binding=binding
    )


def _server(text: str) -> tuple[str, int]:
    if not text or text.startswith(":"):
        raise ValueError("it names no host; libpq would take a Unix socket or PGHOST, which nobody allowed")
    if "," in text:
        raise ValueError("it names several hosts; which one answers must not be left to chance, so name one")
    if "%" in text or "/" in text:
        raise ValueError("its host is the path of a Unix socket or percent-encoded; name a host and a port")
    bracketed = re.fullmatch(r"\[([^\]]*)\](?::(.*))?", text)
    host, port = (bracketed[1], bracketed[2]) if bracketed else (text.partition(":")[0], text.partition(":")[2])
    if bracketed:
        try:
            host = str(ipaddress.IPv6Address(host))
        except ValueError:
            raise ValueError("what stands in its brackets is no IPv6 address") from None
    elif not _HOST.fullmatch(host):
        raise ValueError("what stands where the host should is no host's name")
    if not port:
        return host.lower(), _PORT
    if not re.fullmatch(r"[0-9]{1,5}", port) or not 1 <= int(port) <= 65_535:
        raise ValueError("what stands behind its host is no port")
    return host.lower(), int(port)


def _options(query: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in query.split("&") if query else ():
        name, equals, value = pair.partition("=")
        name = _decoded(name)
        if name not in _TAKEN:
            reason = _WHY_NOT.get(name, f"only {', '.join(_TAKEN)} are")
            raise ValueError(f"its parameter {name!r} is not taken: {reason}")
        if not equals or not value or name in found:
            raise ValueError(f"its parameter {name} has no value, or two")
        found[name] = _decoded(value)
    return found


def _decoded(text: str) -> str:
    try:
        decoded = unquote(text, errors="strict")
    except UnicodeDecodeError:  # its text quotes the bytes
        raise ValueError("it holds an escape that is no UTF-8") from None
    if "\0" in decoded:
        raise ValueError("it holds a NUL")
    return decoded

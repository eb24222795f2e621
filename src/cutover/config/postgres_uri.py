"""Read a PostgreSQL URI and decide whether it may be used, before anything connects.

A URI must name one host and require proof of its identity. Everything that libpq would take from elsewhere (other
hosts, a service file, ~/.pgpass) is refused. stores/legacy_rows.py connects with the parts read here and never with
the text, so the checked address is the used address. docs/adr/0012-postgresql-by-psycopg.md explains why this is not
done by libpq.
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
_ALLOWED: Final = ("sslmode", "sslrootcert", "channel_binding")
_REASONS: Final[Mapping[str, str]] = {
    "host": "write the host before the path, where it is checked",
    "hostaddr": "it would connect to another address than the checked host",
    "port": "write the port after the host",
    "service": "a service file may name any host",
    "servicefile": "a service file may name any host",
    "options": "they could make the read-only session writable",
    "passfile": "write the password into the URI",
    "password": "write the password before the host",
    "user": "write the user before the host",
    "dbname": "write the database as the path",
}
_MODES: Final = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_VERIFIED: Final = "verify-full"
_BINDINGS: Final = ("disable", "prefer", "require")


@dataclass(frozen=True)
class PostgresAddress:
    """The address of one database for one user, and the protection of the connection.

    host: a name or an IP address in lower case, IPv6 without brackets. sslmode: as in libpq; always verify-full except
    on loopback. sslrootcert: PEM file or "system", None if the URI names none. channel_binding: as in libpq.
    """

    host: str
    port: int
    database: str
    user: str = field(repr=False)
    password: Secret = field(repr=False)
    sslmode: str = _VERIFIED
    sslrootcert: str | None = None
    channel_binding: str = "prefer"

    @property
    def shown(self) -> str:
        """Return host, port and database for messages, without user and password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"postgresql://{host}:{self.port}/{self.database}"


def read_postgres_uri(dsn: str) -> PostgresAddress:
    """Return the parts of `postgresql://USER:PASSWORD@HOST[:PORT]/DATABASE[?sslmode=…&sslrootcert=…&channel_binding=…]`.

    The grammar is libpq's, without everything that could select another host, or take a password, a host or an option
    from outside the URI.
    https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS

    Raises ValueError with one sentence that contains neither user nor password.
    """
    if any(character <= " " or character == "\x7f" for character in dsn):
        raise ValueError("it contains white space or a control character; percent-encode it")
    if not dsn.startswith(("postgresql://", "postgres://")):
        raise ValueError("expected a URI that begins with postgresql:// (libpq's key=value form is not supported)")
    if "#" in dsn:
        raise ValueError("it contains a #; percent-encode it (%23)")
    if _ESCAPE.search(dsn):
        raise ValueError("it contains a % that begins no escape; percent-encode it (%25)")
    try:
        parts = urlsplit(dsn)
    except ValueError:  # the text of the error may quote the password
        raise ValueError("it cannot be parsed; percent-encode brackets and characters that are not ASCII") from None
    account, at, server = parts.netloc.rpartition("@")
    if "@" in account:
        raise ValueError("it contains two @ before the path; percent-encode the one in the password (%40)")
    host, port = _server(server)
    user, _, password = account.partition(":")
    user, password, database = _decoded(user), _decoded(password), _decoded(parts.path.removeprefix("/"))
    if not at or not user or not password:
        raise ValueError("it has no user and password; libpq would then read ~/.pgpass and environment variables")
    if not database or "/" in parts.path[1:]:
        raise ValueError("expected one database as its path")
    options = _options(parts.query)
    mode = options.get("sslmode", "prefer" if is_loopback(host) else _VERIFIED)
    if mode not in _MODES:
        raise ValueError(f"expected sslmode to be one of {', '.join(_MODES)}")
    if mode != _VERIFIED and not is_loopback(host):
        raise ValueError(
            f"sslmode={mode} does not prove the identity of {host}; use verify-full, or leave it out, "
            "which means the same"
        )
    binding = options.get("channel_binding", "prefer")
    if binding not in _BINDINGS:
        raise ValueError(f"expected channel_binding to be one of {', '.join(_BINDINGS)}")
    return PostgresAddress(
        host, port, database, user, Secret(password), mode, options.get("sslrootcert"), channel_binding=binding
    )


def _server(text: str) -> tuple[str, int]:
    if not text or text.startswith(":"):
        raise ValueError("it names no host; libpq would then use a Unix socket or PGHOST, which are not checked")
    if "," in text:
        raise ValueError("it names several hosts; name one, so that it is certain which one answers")
    if "%" in text or "/" in text:
        raise ValueError("its host is the path of a Unix socket or percent-encoded; name a host and a port")
    bracketed = re.fullmatch(r"\[([^\]]*)\](?::(.*))?", text)
    host, port = (bracketed[1], bracketed[2]) if bracketed else (text.partition(":")[0], text.partition(":")[2])
    if bracketed:
        try:
            host = str(ipaddress.IPv6Address(host))
        except ValueError:
            raise ValueError("expected an IPv6 address in its brackets") from None
    elif not _HOST.fullmatch(host):
        raise ValueError("its host is not a valid host name")
    if not port:
        return host.lower(), _PORT
    if not re.fullmatch(r"[0-9]{1,5}", port) or not 1 <= int(port) <= 65_535:
        raise ValueError("expected a port from 1 to 65535 after its host")
    return host.lower(), int(port)


def _options(query: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in query.split("&") if query else ():
        name, equals, value = pair.partition("=")
        name = _decoded(name)
        if name not in _ALLOWED:
            reason = _REASONS.get(name, f"only {', '.join(_ALLOWED)} are allowed")
            raise ValueError(f"its parameter {name!r} is not allowed: {reason}")
        if not equals or not value or name in found:
            raise ValueError(f"expected one value of its parameter {name}, got none or two")
        found[name] = _decoded(value)
    return found


def _decoded(text: str) -> str:
    try:
        decoded = unquote(text, errors="strict")
    except UnicodeDecodeError:  # the text of the error quotes the bytes
        raise ValueError("it contains an escape that is not UTF-8") from None
    if "\0" in decoded:
        raise ValueError("it contains a NUL")
    return decoded

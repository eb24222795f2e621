"""The settings of the preflight checks of DNS: table `preflight.dns` of an environment."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cutover.config.validation import CORRECT, ConfigurationError, Integer, Items, Number, Table, Text

_SERVER: Final = "an IP address, or address:port"

DNS: Final = Table(
    {
        "resolver": Text(_SERVER),
        "authoritative": Items(Text(_SERVER), "an array of addresses"),
        "names": Items(Text("a host name"), "an array of host names"),
        "max_ttl_s": Integer(1, 604_800),
        "slow_ms": Number(1, 60_000),
        "timeout_s": Number(0.05, 60),
    },
    required=("resolver",),
    defaults={"authoritative": (), "names": (), "max_ttl_s": 300, "slow_ms": 800.0, "timeout_s": 2.0},
)
"""The schema of table `preflight.dns`.

max_ttl_s: 300 is the TTL in the plan (DNS and Domain Configuration), and that of every record that Cloudflare proxies.
slow_ms: 800 is the time after which BIND 9 asks another server (resolver-retry-interval).
"""

_LABEL: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")


@dataclass(frozen=True, order=True)
class DnsServer:
    """The address of a DNS server. host: an IP address."""

    host: str
    port: int = 53

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == 53 else f"{host}:{self.port}"


@dataclass(frozen=True)
class DnsSettings:
    """The settings of the checks of DNS.

    resolver: the recursive resolver. authoritative: servers that are asked in
    place of those that the zone names. names: further host names in use, besides those of the environment's URLs.
    max_ttl_s: the longest TTL for a cutover, in s. slow_ms: the longest median time of a server's responses, in ms.
    timeout_s: for one try, in s; each question is sent up to three times.
    """

    resolver: DnsServer
    authoritative: tuple[DnsServer, ...] = ()
    names: tuple[str, ...] = ()
    max_ttl_s: int = 300
    slow_ms: float = 800.0
    timeout_s: float = 2.0

    @property
    def servers(self) -> dict[str, tuple[str, int]]:
        """Return the address of each named server by its key."""
        named = {"preflight.dns.resolver": self.resolver}
        named |= {f"preflight.dns.authoritative {n}": server for n, server in enumerate(self.authoritative, 1)}
        return {key: (server.host, server.port) for key, server in named.items()}


def read_dns(file: Path, key: str, row: Mapping[str, Any]) -> DnsSettings:
    """Return the settings of a validated table. key: of the table, for messages. Raises ConfigurationError."""
    return DnsSettings(
        resolver=_server(file, f"{key}.resolver", row["resolver"]),
        authoritative=_distinct(
            file,
            f"{key}.authoritative",
            [_server(file, f"{key}.authoritative {n}", text) for n, text in enumerate(row["authoritative"], 1)],
        ),
        names=_distinct(
            file, f"{key}.names", [_name(file, f"{key}.names {n}", text) for n, text in enumerate(row["names"], 1)]
        ),
        max_ttl_s=row["max_ttl_s"],
        slow_ms=row["slow_ms"],
        timeout_s=row["timeout_s"],
    )


def is_address(host: str) -> bool:
    """Return True for an IP address, which needs no DNS."""
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def _server(file: Path, key: str, text: str) -> DnsServer:
    """Return the server of "192.0.2.1", "192.0.2.1:5353", "2001:db8::1" or "[2001:db8::1]:5353"."""
    host, port = text, "53"
    if text.startswith("[") and "]" in text:
        host, _, port = text[1:].partition("]")
        port = port.removeprefix(":") if port else "53"
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    if not is_address(host) or host.startswith("[") or not (port.isascii() and port.isdigit()):
        raise ConfigurationError(file, key, f"expected {_SERVER}, got {text!r}", CORRECT)
    if not 1 <= int(port[:6]) <= 65_535:
        raise ConfigurationError(file, key, f"expected a port from 1 to 65535, got {port}", CORRECT)
    return DnsServer(str(ipaddress.ip_address(host)), int(port))


def _name(file: Path, key: str, text: str) -> str:
    """Return the host name in lower case, without the dot at its end and with its Unicode labels as `xn--`."""
    name = text.rstrip(".").lower()
    try:
        name = name.encode("idna").decode("ascii")
    except UnicodeError:
        name = ""
    labels = name.split(".")
    if len(name) > 253 or len(labels) < 2 or is_address(name) or not all(map(_LABEL.fullmatch, labels)):
        raise ConfigurationError(file, key, f"expected a host name, got {text!r}", "Write it without scheme and path.")
    return name


def _distinct(file: Path, key: str, items: list[Any]) -> tuple[Any, ...]:
    if twice := [item for item in items if items.count(item) > 1]:
        raise ConfigurationError(file, key, f"expected each value once, got {twice[0]} twice", "Remove one of them.")
    return tuple(items)

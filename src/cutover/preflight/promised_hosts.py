"""The host names of an environment that the preflight checks judge."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from cutover.config.environment import Environment


def hosts_of(environment: Environment) -> tuple[str, ...]:
    """Return the host names that production must serve: those of the settings, else of the environment's URLs.

    Addresses and names of this machine are left out.
    """
    wrangler = environment.preflight.wrangler
    if wrangler is not None and wrangler.hosts is not None:
        return tuple(map(ascii_host, wrangler.hosts))
    urls = [*(system.url for name, system in environment.systems.items() if name == "worker"), *environment.names]
    hosts = dict.fromkeys(ascii_host(urlsplit(url).hostname or "") for url in urls)
    return tuple(host for host in hosts if host and host != "localhost" and not _is_address(host))


def ascii_host(host: str) -> str:
    """Return a host name in lower case, without the dot at its end and with its Unicode labels as `xn--`."""
    name = host.rstrip(".").lower()
    try:
        return name if name.isascii() else name.encode("idna").decode("ascii")
    except UnicodeError:
        return name


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True

"""The host names that an environment uses: those of its URLs, and those of table `preflight.dns`."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from cutover.config.environment import Environment
from cutover.config.preflight_dns import is_address
from cutover.core.errors import NotApplicable, NotVerified
from cutover.preflight.findings import add_section

LEGACY = "legacy"
_HTTPS_PORT = 443


@dataclass(frozen=True)
class UsedName:
    """A host name in use. source: the key that names it. role: "worker", "legacy" or "name". port: of its https URL."""

    host: str
    role: str
    source: str
    port: int = _HTTPS_PORT
    is_https: bool = True

    @property
    def authority(self) -> str:
        """Return host and port as in a URL."""
        return self.host if self.port == _HTTPS_PORT else f"{self.host}:{self.port}"


def names_in_use(environment: Environment) -> tuple[UsedName, ...]:
    """Return each host name in use once, without addresses.

    Raises NotVerified without table `preflight.dns`, NotApplicable if every URL has an address in place of a name.
    """
    settings = environment.preflight.dns
    if settings is None:
        raise NotVerified(add_section(environment.name, "dns", 'resolver = "ADDRESS"'))
    found: dict[tuple[str, int], UsedName] = {}
    urls = [(system.url, name, f"{name}.url") for name, system in environment.systems.items()]
    urls += [(url, "name", f"names {number}") for number, url in enumerate(environment.names, 1)]
    for url, role, source in urls:
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".")
        if not is_address(host) and host != "localhost":
            is_https = parts.scheme == "https"
            host = host.encode("idna").decode("ascii").lower()
            found.setdefault(
                (host, parts.port or _HTTPS_PORT), UsedName(host, role, source, parts.port or 443, is_https)
            )
    known = {used.host for used in found.values()}
    for number, host in enumerate(settings.names, 1):
        if host not in known:
            found[host, _HTTPS_PORT] = UsedName(host, "name", f"preflight.dns.names {number}")
    if not found:
        raise NotApplicable(
            f"every URL of {environment.name} has an address in place of a host name, and preflight.dns names no other"
        )
    return tuple(found.values())

"""Safety: levels of an environment, the list of allowed hosts, the kill switch."""

from __future__ import annotations

import os
from collections.abc import Mapping
from enum import IntEnum
from pathlib import Path
from urllib.parse import urlsplit

from cutover.core.errors import Refused, Stopped


class SafetyLevel(IntEnum):
    """The permission of a run to change an environment. Each level includes the lower ones."""

    READ_ONLY = 0
    TEST_DATA = 1
    DISPOSABLE = 2

    @property
    def label(self) -> str:
        """Return the name in TOML files: "read-only", "test-data", "disposable"."""
        return self.name.lower().replace("_", "-")

    @classmethod
    def parse(cls, text: str) -> SafetyLevel:
        """Return the level with this label. Raises ValueError with the list of labels."""
        for level in cls:
            if level.label == text:
                return level
        raise ValueError(f"{text!r} is not one of {', '.join(level.label for level in cls)}")


Origin = tuple[str, str, int]
"""Scheme, lower-case host, port."""

LOOPBACK_NAMES = ("localhost", "::1")


def origin_of(url: str) -> Origin:
    """Return scheme, host and port of a URL. Raises ValueError if it is not an absolute http(s) URL."""
    if any(character <= " " or character == "\x7f" for character in url):
        raise ValueError(f"a URL must not contain white space or control characters: {url!r}")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"not an absolute http(s) URL: {url!r}")
    if parts.username or parts.password:
        raise ValueError("the URL contains a user name or a password")
    try:
        parts.hostname.encode("idna")
    except UnicodeError:
        raise ValueError(f"not a host name: {parts.hostname!r}") from None
    return parts.scheme, parts.hostname.lower(), parts.port or (443 if parts.scheme == "https" else 80)


def is_loopback(host: str) -> bool:
    """Return True for 127.0.0.0/8, ::1 and localhost. Decides by the name; no DNS lookup."""
    return host in LOOPBACK_NAMES or (host.startswith("127.") and host.replace(".", "").isdigit())


class AllowList:
    """The origins and servers that an environment names. Requests to any other are refused before they are sent."""

    def __init__(self, urls: Mapping[str, str], servers: Mapping[str, tuple[str, int]] | None = None) -> None:
        """urls: owner -> URL; servers: owner -> (host, port) of servers without HTTP.

        Raises ValueError for a URL that cannot be allowed.
        """
        self._owners: dict[Origin, str] = {}
        self._servers = {(host.lower(), port): owner for owner, (host, port) in (servers or {}).items()}
        for owner, url in urls.items():
            origin = origin_of(url)
            if "?" in url or "#" in url:
                raise ValueError("the URL of a system must not have a query or a fragment")
            if origin[0] == "http" and not is_loopback(origin[1]):
                raise ValueError(f"plain http is allowed for loopback only: {url!r}")
            self._owners[origin] = owner

    def permit(self, url: str, *, plain_probe: bool = False) -> None:
        """Raise Refused unless the URL's scheme, host and port are those of a named system.

        plain_probe: the request has no content and tests only the redirect from http. It may go to port 80 of a host
        that is named with https.
        """
        try:
            origin = origin_of(url)
        except ValueError as error:
            raise Refused(f"request refused: {error}") from None
        if plain_probe and origin[0] == "http" and origin[2] == 80:
            origin = ("https", origin[1], 443)
        if origin not in self._owners:
            allowed = ", ".join(f"{s}://{h}:{p} ({o})" for (s, h, p), o in self._owners.items())
            raise Refused(
                f"request refused: {origin[0]}://{origin[1]}:{origin[2]} is not a host of this environment. "
                f"Allowed: {allowed}. If it belongs to this environment, add it to environments.toml."
            )

    def permit_server(self, host: str, port: int) -> None:
        """Raise Refused unless host and port are those of a named server without HTTP."""
        if (host.lower(), port) not in self._servers:
            allowed = ", ".join(f"{h}:{p} ({o})" for (h, p), o in self._servers.items()) or "none"
            raise Refused(
                f"connection refused: {host}:{port} is not a server of this environment. Allowed: {allowed}. "
                "If it belongs to this environment, add it to environments.toml."
            )


class KillSwitch:
    """A file that stops every request of every run while it exists: CUTOVER_STOP_FILE, default STOP in the project."""

    def __init__(self, project: Path) -> None:
        self._file = os.environ.get("CUTOVER_STOP_FILE") or str(project / "STOP")

    def check(self) -> None:
        """Raise Stopped if the file exists. Costs one stat per request."""
        if os.path.exists(self._file):  # noqa: PTH110 - Path.exists costs three times as much per request
            raise Stopped(f"the kill switch is on: {self._file}. Remove the file to continue.")

"""What may be sent where: safety levels, the list of allowed hosts, the kill switch.

Not for how fast: that is pacing.py.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from enum import IntEnum
from pathlib import Path
from urllib.parse import urlsplit

from cutover.core.errors import Refused, Stopped


class SafetyLevel(IntEnum):
    """How much a run may do to an environment; each level includes those before it."""

    READ_ONLY = 0
    TEST_DATA = 1
    DISPOSABLE = 2

    @property
    def label(self) -> str:
        """The name as it stands in TOML files: "read-only", "test-data", "disposable"."""
        return self.name.lower().replace("_", "-")

    @classmethod
    def parse(cls, text: str) -> SafetyLevel:
        """The level of that label. Raises ValueError that lists the labels."""
        for level in cls:
            if level.label == text:
                return level
        raise ValueError(f"{text!r} is not one of {', '.join(level.label for level in cls)}")


Origin = tuple[str, str, int]
"""Scheme, lower-case host, port."""

LOOPBACK_NAMES = ("localhost", "::1")


def origin_of(url: str) -> Origin:
    """Scheme, host and port of a URL. Raises ValueError for what is no absolute http(s) URL."""
    if any(character <= " " or character == "\x7f" for character in url):
        raise ValueError(f"a URL holds no white space or control character: {url!r}")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"not an absolute http(s) URL: {url!r}")
    if parts.username or parts.password:
        raise ValueError("the URL holds a user name or a password")
    try:
        parts.hostname.encode("idna")
    except UnicodeError:
        raise ValueError(f"not a host's name: {parts.hostname!r}") from None
    return parts.scheme, parts.hostname.lower(), parts.port or (443 if parts.scheme == "https" else 80)


def is_loopback(host: str) -> bool:
    """127.0.0.0/8, ::1 and localhost. By name only: nothing is looked up."""
    return host in LOOPBACK_NAMES or (host.startswith("127.") and host.replace(".", "").isdigit())


class AllowList:
    """The origins and servers that an environment names. Everything else is refused before it is sent."""

    def __init__(self, urls: Mapping[str, str], servers: Mapping[str, tuple[str, int]] | None = None) -> None:
        """urls: who lives there -> URL; servers: the same for what speaks no HTTP -> (host, port).

        Raises ValueError for a URL that cannot be allowed.
        """
        self._owners: dict[Origin, str] = {}
        self._servers = {(host.lower(), port): owner for owner, (host, port) in (servers or {}).items()}
        for owner, url in urls.items():
            origin = origin_of(url)
            if "?" in url or "#" in url:
                raise ValueError("a system's URL has no query and no fragment")
            if origin[0] == "http" and not is_loopback(origin[1]):
                raise ValueError(f"plain http is for loopback only: {url!r}")
            self._owners[origin] = owner

    def permit(self, url: str, *, plain_probe: bool = False) -> None:
        """Raise Refused unless the URL's scheme, host and port are those of a named system.

        plain_probe: the request carries nothing and asks only where http leads; it may go to port 80
        of a host that is named with https.
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
                f"request refused: {origin[0]}://{origin[1]}:{origin[2]} is no host of this environment. "
                f"Allowed: {allowed}. If it belongs to it, add it to environments.toml."
            )

    def permit_server(self, host: str, port: int) -> None:
        """Raise Refused unless host and port are those of a named server that speaks no HTTP."""
        if (host.lower(), port) not in self._servers:
            allowed = ", ".join(f"{h}:{p} ({o})" for (h, p), o in self._servers.items()) or "none"
            raise Refused(
                f"connection refused: {host}:{port} is no server of this environment. Allowed: {allowed}. "
                "If it belongs to it, add it to environments.toml."
            )


class KillSwitch:
    """A file whose presence stops every request of every run: CUTOVER_STOP_FILE, else STOP in the project."""

    def __init__(self, project: Path) -> None:
        self._file = os.environ.get("CUTOVER_STOP_FILE") or str(project / "STOP")

    def check(self) -> None:
        """Raise Stopped when the file is there. One stat a request."""
        if os.path.exists(self._file):  # noqa: PTH110 - Path.exists costs three times as much, each request pays
            raise Stopped(f"the kill switch is on: {self._file}. Remove the file to go on.")

"""Find the operation of a recorded request, by method and path, on the routes of both systems of an environment.

A recording may be from Django or from the Worker. config/operations.py defines the routes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

from cutover.config.environments import Environment
from cutover.config.operations import Operation

SIDES: Final = ("legacy", "worker")
UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_WORD: Final = re.compile(r"[A-Za-z][A-Za-z_-]{0,24}(?:\.[a-z0-9]{1,5})?|v\d")
_LEVELS: Final = 8


@dataclass(frozen=True)
class Match:
    """The operation, and its path parameters as recorded, percent-decoded."""

    operation: str
    parameters: Mapping[str, str]


@dataclass(frozen=True)
class _Route:
    operation: Operation
    segments: tuple[str, ...]

    def match(self, segments: list[str]) -> dict[str, str] | None:
        if self.catches_all:
            return {}
        if len(segments) != len(self.segments):
            return None
        found: dict[str, str] = {}
        for ours, theirs in zip(self.segments, segments, strict=True):
            if ours.startswith("{"):
                if theirs in ("", ".", ".."):
                    return None
                found[ours.strip("{}")] = theirs
            elif ours != theirs:
                return None
        return found

    @property
    def catches_all(self) -> bool:
        return any(segment.startswith("{+") for segment in self.segments)

    @property
    def literal(self) -> int:
        return sum(not segment.startswith("{") for segment in self.segments) - 1000 * self.catches_all


class Routes:
    """The routes of an environment's two systems, for the lookup of an operation by path."""

    def __init__(self, environment: Environment) -> None:
        self._routes: dict[str, list[_Route]] = {}
        for side in SIDES:
            base = urlsplit(environment.systems[side].url).path.rstrip("/")
            routes = [
                _Route(operation, tuple(_segments(base + operation.path)))
                for operation in environment.operations[side].values()
                if operation.absent is None
            ]
            self._routes[side] = sorted(routes, key=lambda route: -route.literal)

    def find(self, method: str, path: str, on: str | None) -> Match | None:
        """Return the operation of a GET or HEAD, None if there is none or if the two systems have different ones.

        on: the recorded system, None if unknown. A route that matches any path (the Worker's front end) is used only
        if it is known. A slash at the end is ignored.
        """
        wanted = "GET" if method == "HEAD" else method
        segments = [unquote(segment, errors="replace") for segment in _segments(path)]
        found: dict[str, Match] = {}
        for side in SIDES if on is None else (on,):
            for route in self._routes[side]:
                if route.operation.method != wanted or (route.catches_all and on is None):
                    continue
                parameters = route.match(segments)
                if parameters is not None:
                    found.setdefault(route.operation.name, Match(route.operation.name, parameters))
                    break
        return next(iter(found.values())) if len(found) == 1 else None


def normalized(path: str) -> str:
    """Return an unknown path for counting and display: segments that are no plain words become {…}."""
    segments = [unquote(segment, errors="replace") for segment in _segments(path)]
    shown = [segment if _WORD.fullmatch(segment) or not segment else "{…}" for segment in segments[:_LEVELS]]
    return "/" + "/".join(shown) + ("/…" if len(segments) > _LEVELS else "")


def _segments(path: str) -> list[str]:
    stripped = path.removeprefix("/")
    return stripped.removesuffix("/").split("/") if stripped else [""]

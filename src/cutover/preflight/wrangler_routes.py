"""The routes of a Wrangler configuration: overlapping, missing and unreachable ones.

Route patterns: Cloudflare docs, Workers, Routes, Matching behavior. A wildcard is allowed at the start of the host
name and at the end of the path, and the most specific pattern wins.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from cutover.config.preflight_wrangler import WranglerSettings
from cutover.preflight.findings import Finding
from cutover.preflight.located import Located
from cutover.preflight.promised_hosts import ascii_host
from cutover.preflight.wrangler_file import WranglerEnvironment, WranglerFile

PAGE: Final = "Cloudflare docs, Workers, Routes and domains"
_PATTERN: Final = re.compile(r"(?:(?P<scheme>[a-z*]+)://)?(?P<host>[^/?#]*)(?P<path>[^?#]*)(?P<rest>.*)", re.IGNORECASE)
_HOST: Final = re.compile(r"(\*\.?)?([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]*[a-z0-9])?", re.IGNORECASE)


@dataclass(frozen=True)
class Route:
    """One route of an environment. custom: a custom domain, which serves every path of its host."""

    environment: str
    pattern: str
    line: int
    custom: bool
    zone: str | None
    own: bool

    @property
    def host(self) -> str:
        """Return the host of the pattern in lower case, with its wildcard and with Unicode labels as `xn--`."""
        host = self._part("host")
        name = host.lstrip("*")
        dot = "." if name.startswith(".") else ""
        return host[: len(host) - len(name)] + dot + ascii_host(name.removeprefix("."))

    @property
    def path(self) -> str:
        """Return the path of the pattern, "/*" for a custom domain."""
        return "/*" if self.custom else self._part("path")

    def _part(self, name: str) -> str:
        found = _PATTERN.fullmatch(self.pattern)
        return (found[name] or "") if found is not None else ""

    def covers(self, other: Route) -> bool:
        """Return True if every URL of `other` matches this pattern as well."""
        if self._part("scheme") and self._part("scheme") != other._part("scheme"):
            return False
        return _covers(self.host[::-1], other.host[::-1]) and _covers(self.path or "/", other.path or "/")

    def serves(self, host: str) -> bool:
        """Return True if this pattern matches every path of a host over https."""
        on_host = _covers(self.host[::-1], host[::-1])
        return on_host and self.path in ("/*", "*") and self._part("scheme").lower() in ("", "https")


def _covers(pattern: str, text: str) -> bool:
    """Return True if a pattern, with a wildcard at its end only, matches a text and all that its wildcard matches."""
    return text.startswith(pattern[:-1]) if pattern.endswith("*") else pattern == text


def routes_of(environment: WranglerEnvironment) -> list[Route]:
    """Return the routes that an environment deploys, own or inherited."""
    found = []
    for key in ("route", "routes"):
        value = environment.get(key)
        for item in [] if value is None else value.items if key == "routes" else [value]:
            pattern = item if item.text is not None else item.get("pattern")
            if pattern is not None and pattern.text is not None:
                zone = item.get("zone_name")
                custom = item.get("custom_domain")
                found.append(
                    Route(
                        environment.name, pattern.text, pattern.line, custom is not None and custom.value is True,
                        zone.text if zone is not None else None, key in environment.own.table,
                    )
                )  # fmt: skip
    return found


def route_findings(file: WranglerFile, settings: WranglerSettings, hosts: Sequence[str]) -> list[Finding]:
    """Return the defects of the routes. hosts: the host names that production must serve."""
    environments = file.environments(settings.judged)
    routes = {environment.name: routes_of(environment) for environment in environments}
    found: list[Finding] = []
    for environment in environments:
        found += _unreachable(file, environment, routes[environment.name], public=bool(hosts))
        found += _overlapping(file, environment, routes[environment.name])
    for index, environment in enumerate(environments):
        for other in environments[:index]:
            found += _conflicts(file, environment, routes[environment.name], other, routes[other.name])
    production = next((each for each in environments if each.name == settings.production), None)
    for environment in environments if production is not None else ():
        if environment is not production:
            assert production is not None
            found += _taken(file, environment, routes[environment.name], routes[production.name], hosts)
    for environment in environments:
        if environment.name == settings.production:
            found += _missing(file, environment, routes[environment.name], hosts)
    return found


def _unreachable(
    file: WranglerFile, environment: WranglerEnvironment, routes: list[Route], *, public: bool
) -> Iterator[Finding]:
    """Yield patterns that match no request. public: the Workers serve host names, so each environment needs a route."""
    for route in routes:
        problem = _problem(route)
        if problem:
            where = environment.title if route.own else "the top level"
            yield file.finding(
                f"route-unreachable:{where}.{route.pattern}",
                route.line,
                expected="a pattern that requests can match",
                got=f"{route.pattern!r}: {problem}",
                do_next="correct the pattern, for example host/*",
                promised=PAGE,
            )
    on_workers_dev = environment.get("workers_dev")
    if public and not routes and on_workers_dev is not None and on_workers_dev.value is False:
        yield file.finding(
            f"route-none:{environment.title}",
            on_workers_dev.line,
            expected=f"a route for {environment.title}",
            got="workers_dev = false and no route, so no request reaches the Worker",
            do_next="add routes, or workers_dev = true",
            promised=PAGE,
        )


def _problem(route: Route) -> str:
    parts = _PATTERN.fullmatch(route.pattern)
    if parts is None or not parts["host"]:
        return "it has no host name"
    if parts["rest"]:
        return "a pattern with a query or a fragment matches no request"
    if parts["scheme"] and parts["scheme"].lower() not in ("http", "https"):
        return "only http:// and https:// are schemes of a route"
    if route.custom and (parts["path"] or "*" in route.pattern):
        return "a custom domain has no path and no wildcard"
    if "*" in parts["host"][1:] or "*" in parts["path"][:-1]:
        return "a wildcard is allowed only at the start of the host and at the end of the path"
    if not _HOST.fullmatch(route.host.partition(":")[0]):
        return "it has no valid host name"
    zone = ascii_host(route.zone or "")
    if zone and not (route.host.lstrip("*").lstrip(".") == zone or route.host.endswith(f".{zone}")):
        return f"its host is not in the zone {route.zone}"
    return ""


def _overlapping(file: WranglerFile, environment: WranglerEnvironment, routes: list[Route]) -> Iterator[Finding]:
    """Yield each route that another route of the same environment covers."""
    for index, route in enumerate(routes):
        for other in routes:
            if other is route or not other.covers(route):
                continue
            if route.covers(other) and routes.index(other) > index:
                continue  # equal patterns: the second one is reported
            where = environment.title if route.own else "the top level"
            yield file.finding(
                f"route-overlap:{where}.{route.pattern}",
                route.line,
                expected="routes that do not overlap",
                got=f"{route.pattern!r} in {other.pattern!r} ({file.place(other.line)})",
                do_next="remove it: the other route already serves it",
                promised=PAGE,
            )
            break


def _conflicts(
    file: WranglerFile, environment: WranglerEnvironment, routes: list[Route],
    other: WranglerEnvironment, others: list[Route],
) -> Iterator[Finding]:  # fmt: skip
    """Yield each route that takes requests of another environment: the same pattern, or a part of the same host."""
    for route in routes:
        for theirs in others:
            if route.host != theirs.host or not (theirs.covers(route) or route.covers(theirs)):
                continue
            inherited = "" if route.own else ", inherited from the top level"
            yield file.finding(
                f"route-conflict:{environment.title}.{route.pattern}",
                route.line,
                expected=f"a route that no other environment has for {environment.title}",
                got=f"{route.pattern!r}{inherited}, which takes requests of {other.title} ({theirs.pattern!r}, "
                f"{file.place(theirs.line)})",
                do_next=f"give {environment.title} routes of its own",
                promised=PAGE,
            )
            break


def _taken(
    file: WranglerFile, environment: WranglerEnvironment, routes: list[Route], production: list[Route],
    hosts: Sequence[str],
) -> Iterator[Finding]:  # fmt: skip
    """Yield each route by which another environment serves a host of production, which has only a wildcard for it."""
    for route in routes:
        if route.host not in hosts or any(theirs.host == route.host for theirs in production):
            continue  # _conflicts reports the same host
        for theirs in production:
            if theirs.covers(route):
                yield file.finding(
                    f"route-taken:{environment.title}.{route.pattern}",
                    route.line,
                    expected=f"no route of {environment.title} for {route.host}, which production serves",
                    got=f"{route.pattern!r}, which is more specific than {theirs.pattern!r} of production "
                    f"({file.place(theirs.line)})",
                    do_next=f"remove it, or add a route for {route.host} to production in its place",
                    promised=PAGE,
                )
                break


def _on_workers_dev(environment: WranglerEnvironment, routes: list[Route], host: str) -> bool:
    """Return True if the host is that of the Worker in its account's subdomain of workers.dev.

    Wrangler enables it by workers_dev = true, and without that key if the environment has no route.
    """
    enabled = environment.get("workers_dev")
    worker, _, rest = host.partition(".")
    return (
        rest.endswith(".workers.dev")
        and worker == (environment.worker or "").lower()
        and (enabled.value is True if enabled is not None else not routes)
    )


def _missing(
    file: WranglerFile, environment: WranglerEnvironment, routes: list[Route], hosts: Sequence[str]
) -> Iterator[Finding]:
    at: Located | None = environment.get("routes") or environment.get("route")
    broken = {route.host.lstrip("*.") for route in routes if _problem(route)}
    for host in hosts:
        if _on_workers_dev(environment, routes, host):
            continue
        if host.endswith(".workers.dev"):
            expected, do_next = (
                f"{host} to be served by {environment.title}",
                (
                    "set workers_dev = true and the name of the Worker as in this host, or correct the URL in "
                    "environments.toml"
                ),
            )
        else:
            expected = f"a route of {environment.title} for every path of {host}"
            do_next = f'add {{ pattern = "{host}/*", zone_name = "…" }}'
        if host not in broken and not any(route.serves(host) for route in routes):
            yield file.finding(
                f"route-missing:{environment.title}.{host}",
                at.line if at is not None else environment.own.line,
                expected=expected,
                got=f"routes: {', '.join(route.pattern for route in routes) or 'none'}",
                do_next=do_next,
                promised=f"{PAGE}; the URLs of the environment (environments.toml)",
            )

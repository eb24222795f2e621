"""Compare the environments of a Wrangler configuration: with the top level, and each with production."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cutover.config.preflight_wrangler import TOP_LEVEL, WranglerSettings
from cutover.preflight.findings import Finding
from cutover.preflight.located import Located
from cutover.preflight.wrangler_file import (
    NOT_INHERITED,
    PAGE,
    Binding,
    WranglerEnvironment,
    WranglerFile,
)
from cutover.preflight.wrangler_shape import RATE_PERIODS
from cutover.preflight.wrangler_values import why_secret

_COMPARED: Final = ("compatibility_date", "compatibility_flags", "limits", "placement", "usage_model")
"""Keys whose values must be equal in staging and production: they change what the same code does."""
_PROMISED: Final = "plan, Cloudflare Workers Configuration: staging (identical to production); Blue-Green Deployment"
_OWN: Final = frozenset({
    "binding", "name", "database_id", "database_name", "preview_database_id", "bucket_name", "preview_bucket_name",
    "id", "preview_id", "queue", "dataset", "namespace_id", "index_name", "service", "environment", "script_name",
    "certificate_id", "remote", "namespace", "store_id", "secret_name", "localConnectionString", "pipeline",
    "experimental_remote", "service_id", "allowed_destination_addresses", "destination_address",
    "allowed_sender_addresses", "type", "cross_account_grant",
})  # fmt: skip
"""Keys of a binding that name a store of the environment. They differ between staging and production."""


@dataclass(frozen=True)
class _Difference:
    """A difference between production and another environment. other: what lacks it. line: in production."""

    other: str
    path: str
    line: int
    finding: Finding


def inheritance_findings(file: WranglerFile, settings: WranglerSettings) -> list[Finding]:
    """Return what is written at the top level only, and so is missing in a named environment."""
    top = file.environment(TOP_LEVEL)
    return [
        finding
        for environment in file.environments(settings.judged)
        if environment.name != TOP_LEVEL and top is not None
        for finding in _not_inherited(file, settings, top, environment)
    ]


def _not_inherited(
    file: WranglerFile, settings: WranglerSettings, top: WranglerEnvironment, environment: WranglerEnvironment
) -> Iterator[Finding]:
    for path, value in _missing(_parts(top), _parts(environment)):
        if not _accepted(settings, environment, path):
            yield file.finding(
                f"inheritance:{environment.title}.{path}",
                value.line,
                expected=f"{path} in {environment.title} too: a named environment does not inherit it",
                got=f"{path} at the top level only",
                do_next=f"repeat it in [env.{environment.name}], or move it there (line {environment.own.line})",
                promised=f"{PAGE}, Non-inheritable keys",
            )


def comparison_findings(file: WranglerFile, settings: WranglerSettings) -> list[Finding]:
    """Return what staging and the colours lack of production, have in addition, or have with another limit.

    What all others have in common and production alone has not is one finding about production.
    """
    environments = file.environments(dict.fromkeys((settings.production, *settings.judged)))
    if not environments or environments[0].name != settings.production:
        return []
    production, *others = environments
    found = {
        other.name: [
            *_unmatched(file, settings, production, other),
            *_unmatched(file, settings, other, production),
            *_different_values(file, settings, production, other),
            *_different_bindings(file, settings, production, other),
        ]
        for other in others
    }
    return _about_production(file, production, others, found)


def _about_production(
    file: WranglerFile,
    production: WranglerEnvironment,
    others: Sequence[WranglerEnvironment],
    found: Mapping[str, list[_Difference]],
) -> list[Finding]:
    """Return the findings, with one in place of those that all other environments have."""
    result, counted = (
        [],
        Counter(each.path for rows in found.values() for each in rows if each.other != production.name),
    )
    names = ", ".join(other.title for other in others)
    for rows in found.values():
        for each in rows:
            if each.other == production.name or len(others) < 2 or counted[each.path] < len(others):
                result.append(each.finding)
            elif rows is found[others[0].name]:
                result.append(
                    file.finding(
                        f"comparison:{production.title}.{each.path}",
                        each.line,
                        expected=f"{each.path} in {production.title} as in {names}",
                        got=f"a difference to all of them, for example: {each.finding.got}",
                        do_next=each.finding.do_next,
                        promised=_PROMISED,
                    )
                )
    return result


def _parts(environment: WranglerEnvironment) -> dict[str, Located]:
    """Return vars, bindings and further keys that are not inherited, by path. Another check reports secrets in vars."""
    found = {f"vars.{name}": value for name, value in environment.vars.items() if not why_secret(name, value)}
    found |= {binding.path: binding.row for binding in environment.bindings}
    for key, value in environment.used():
        consumers = value.get("consumers") if key == "queues" else None
        if consumers is not None and consumers.items:
            found["queues.consumers"] = consumers
        if key in NOT_INHERITED - {"vars", "secrets", "define", "queues"} and not any(
            path.startswith(f"{key}.") for path in found
        ):
            found[key] = value
    return found


def _missing(wanted: Mapping[str, Located], present: Mapping[str, Located]) -> Iterator[tuple[str, Located]]:
    yield from ((path, value) for path, value in wanted.items() if path not in present)


def _unmatched(
    file: WranglerFile, settings: WranglerSettings, source: WranglerEnvironment, other: WranglerEnvironment
) -> Iterator[_Difference]:
    """Yield what `source` has and `other` lacks. The check of inheritance reports what the top level has as well."""
    top = file.environment(TOP_LEVEL)
    inherited = _parts(top) if top is not None and other.name != TOP_LEVEL else {}
    at = other.own.line
    for path, value in _missing(_parts(source), _parts(other)):
        if path in inherited or _accepted(settings, other, path):
            continue
        kind = path.partition(".")[0]
        own = other.own.get(kind)
        finding = file.finding(
            f"comparison:{other.title}.{path}",
            own.line if own is not None else at,
            expected=f"{path} as in {source.title} ({file.place(value.line)})",
            got=f"no {path} in {other.title}",
            do_next=f"add it to {other.title}, remove it from {source.title}, or accept it with "
            f'preflight.wrangler.differences."{path}" = "why" (environments.toml)',
            promised=_PROMISED,
        )
        yield _Difference(other.name, path, value.line, finding)


def _different_values(
    file: WranglerFile, settings: WranglerSettings, production: WranglerEnvironment, staging: WranglerEnvironment
) -> Iterator[_Difference]:
    for key in _COMPARED:
        one, other = production.get(key), staging.get(key)
        plain = [sorted(map(str, each.plain)) if each is not None and each.items else each and each.plain
                 for each in (one, other)]  # fmt: skip
        if plain[0] != plain[1] and key not in settings.differences:
            yield _difference(file, key, production, staging, one, other)


def _different_bindings(
    file: WranglerFile, settings: WranglerSettings, production: WranglerEnvironment, staging: WranglerEnvironment
) -> Iterator[_Difference]:
    """Yield the limits and options of one binding that differ: rate limits, migration folders, jurisdictions."""
    others = {binding.path: binding for binding in staging.bindings}
    for binding in production.bindings:
        other = others.get(binding.path)
        if other is None:
            continue
        one, two = _options(binding), _options(other)
        for key in sorted(one.keys() | two.keys()):
            path = f"{binding.path}.{key}"
            first, second = one.get(key), two.get(key)
            if _is_invalid(key, first, second) or path in settings.differences:
                continue
            if (first and first.plain) != (second and second.plain):
                yield _difference(file, path, production, staging, first or binding.row, second or other.row,
                                  shown=(first, second))  # fmt: skip


def _options(binding: Binding) -> dict[str, Located]:
    return {key: value for key, value in binding.row.leaves() if key not in _OWN}


def _is_invalid(key: str, *values: Located | None) -> bool:
    """Return True for a period that the check of validity reports."""
    return key == "simple.period" and any(each is not None and each.value not in RATE_PERIODS for each in values)


def _difference(
    file: WranglerFile, path: str, production: WranglerEnvironment, staging: WranglerEnvironment,
    one: Located | None, other: Located | None, shown: tuple[Located | None, Located | None] | None = None,
) -> _Difference:  # fmt: skip
    values = [repr(each.plain) if each is not None else "none" for each in shown or (one, other)]
    at = f" ({file.place(one.line)})" if one is not None else ""
    finding = file.finding(
        f"comparison:{staging.title}.{path}",
        other.line if other is not None else staging.own.line,
        expected=f"{path} = {values[0]} as in {production.title}{at}",
        got=f"{values[1]} in {staging.title}",
        do_next="make them equal, so that what was tested is what production runs, or accept it with "
        f'preflight.wrangler.differences."{path}" = "why" (environments.toml)',
        promised=_PROMISED,
    )
    return _Difference(staging.name, path, one.line if one is not None else production.own.line, finding)


def _accepted(settings: WranglerSettings, environment: WranglerEnvironment, path: str) -> bool:
    return path in settings.differences or f"{environment.name}.{path}" in settings.differences

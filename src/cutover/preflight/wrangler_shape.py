"""Defects for which Wrangler refuses a configuration: syntax, types, missing keys, names that are used twice."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from typing import Final

from cutover.config.preflight_wrangler import WranglerSettings
from cutover.preflight.findings import Finding
from cutover.preflight.located import Located
from cutover.preflight.toml_positions import INLINE_TABLE
from cutover.preflight.wrangler_file import PAGE, WranglerEnvironment, WranglerFile

_ARRAYS: Final = (
    "analytics_engine_datasets", "d1_databases", "hyperdrive", "kv_namespaces", "r2_buckets", "ratelimits", "services",
    "vectorize",
)  # fmt: skip
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
RATE_PERIODS: Final = (10, 60)
"""The periods in s that a rate limiting binding accepts (Cloudflare docs, Workers, Rate Limiting)."""


def validity_findings(file: WranglerFile, settings: WranglerSettings, today: datetime.date) -> list[Finding]:
    """Return the defects of syntax and shape. today: a later compatibility date is refused."""
    found = [
        file.finding(
            f"syntax:{number}",
            defect.line,
            expected=defect.expected,
            got=defect.got,
            do_next=defect.fix,
            promised=f"{INLINE_TABLE}; {PAGE}" if file.path.suffix == ".toml" else PAGE,
        )
        for number, defect in enumerate(file.defects, 1)
    ]
    if file.root is None:
        return found
    for environment in file.environments(settings.judged):
        found += _types(file, environment)
        found += _names(file, environment)
        found += _compatibility(file, environment, today)
        found += _rate_limits(file, environment)
    return found


def _types(file: WranglerFile, environment: WranglerEnvironment) -> Iterator[Finding]:
    for key, value in environment.own.table.items():
        expected = None
        if key == "vars" and not isinstance(value.value, dict):
            expected = "a table"
        elif key in _ARRAYS and not (isinstance(value.value, list) and all(row.table for row in value.items)):
            expected = "an array of tables"
        if expected is not None:
            yield file.finding(
                f"type:{environment.title}.{key}",
                value.line,
                expected=f"{key}: {expected}",
                got=_shape(value),
                do_next=f"write {key} as {expected}",
            )


def _shape(value: Located) -> str:
    shapes = {dict: "a table", list: "an array", str: "a string", bool: "a boolean"}
    return shapes.get(type(value.value), repr(value.value)) if value.value != [] else "an empty array"


def _names(file: WranglerFile, environment: WranglerEnvironment) -> Iterator[Finding]:
    """Yield a finding for each name that two bindings or vars of one environment have."""
    seen: dict[str, str] = dict.fromkeys(environment.vars, "vars")
    for binding in environment.bindings:
        if binding.name in seen and binding.kind not in ("send_email", "workflows"):
            yield file.finding(
                f"name:{environment.title}.{binding.name}",
                binding.row.line,
                expected="a name for each binding and var",
                got=f"{binding.name} in {seen[binding.name]} and in {binding.kind} of {environment.title}",
                do_next="rename one of them, here and in the source code",
            )
        seen.setdefault(binding.name, binding.kind)
    if environment.worker is None:
        yield file.finding(
            f"worker-name:{environment.title}",
            environment.own.line,
            expected="the name of the Worker",
            got="no name",
            do_next='add name = "…"',
        )


def _compatibility(file: WranglerFile, environment: WranglerEnvironment, today: datetime.date) -> Iterator[Finding]:
    date = environment.get("compatibility_date")
    if date is None and environment.top.get("pages_build_output_dir") is not None:
        return  # a Pages project, which has a default
    got = "none" if date is None else repr(date.plain)
    if date is not None and date.text and _DATE.fullmatch(date.text):
        try:
            if datetime.date.fromisoformat(date.text) <= today:
                return
            got = f"{date.text}, which is later than today"
        except ValueError:
            pass
    yield file.finding(
        "compatibility-date" if date is None or "compatibility_date" not in environment.own.table
        else f"compatibility-date:{environment.title}",
        date.line if date is not None else environment.own.line,
        expected="a compatibility_date of the form YYYY-MM-DD that is not later than today",
        got=got,
        do_next="set the date on which the Worker was tested",
        promised="Cloudflare docs, Workers, Compatibility dates",
    )  # fmt: skip


def _rate_limits(file: WranglerFile, environment: WranglerEnvironment) -> Iterator[Finding]:
    for binding in environment.bindings:
        period = binding.row.get("simple", "period")
        if period is not None and period.value not in RATE_PERIODS:
            yield file.finding(
                f"rate-period:{environment.title}.{binding.name}",
                period.line,
                expected=f"a period of {' or '.join(map(str, RATE_PERIODS))} s",
                got=repr(period.plain),
                do_next="use one of these periods, and adjust the limit",
                promised="Cloudflare docs, Workers, Rate Limiting binding",
            )

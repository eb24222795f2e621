"""Monitoring and usage: endpoints that monitoring reads, receivers of alerts, and figures against declared limits."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from cutover.core.errors import CheckFailed, NotApplicable, NotVerified
from cutover.core.recorder import Recorder
from cutover.preflight.findings import Finding
from cutover.preflight.prerequisites_plan import MONITORING
from cutover.preflight.storage_checks import listed_objects
from cutover.stores import ObjectStore, RowStore
from cutover.systems.target import Target

D1_MB: Final = 10_000
"""Largest D1 database, in MB (10^6 bytes). https://developers.cloudflare.com/d1/platform/limits/"""
LISTED: Final = 5_000
"""Objects of R2 that are listed at most, in five requests."""
WARN_SHARE: Final = 0.8
"""Share of a limit from which a figure is a warning."""
_FIGURES: Final = ("requests", "errors", "error_rate", "window_s")
_PLACE: Final = "environments.toml [{}.preflight.prerequisites]"


def monitoring_findings(target: Target, alerts: Sequence[str], recorder: Recorder) -> Iterator[Finding]:
    """Yield a finding if /health or /metrics has no typed answer, or no receiver of alerts is declared."""
    health = target.call("health")
    if health.status not in (200, 503) or not isinstance(_object(health.answer), dict):
        yield Finding(
            "prerequisites:health", f"{target.system} health", "status 200 or 503 with a JSON object",
            health.answer.excerpt, MONITORING.promised, "correct the health endpoint: monitoring reads it",
        )  # fmt: skip
    try:
        target.operation("metrics")
        metrics = target.call("metrics")
        values = {name: metrics.field_if_declared(name) for name in _FIGURES} if metrics.succeeded else {}
    except NotApplicable as error:
        recorder.note_undetectable(f"requests and errors as monitoring counts them: {error}")
    except CheckFailed as error:
        yield _metrics_finding(target, error.observed)
    else:
        wrong = [name for name, value in values.items() if value is not None and not _is_figure(value)]
        if not metrics.succeeded:
            yield _metrics_finding(target, metrics.answer.excerpt)
        elif wrong:
            yield _metrics_finding(target, ", ".join(f"{name} {values[name]!r}" for name in wrong))
    recorder.measure("declared receivers of alerts", len(alerts), ">= 1")
    if not alerts:
        yield Finding(
            "prerequisites:no-alerts", _PLACE.format(target.environment.name), 'alerts = ["who receives them"]', "none",
            MONITORING.promised, "declare who receives alerts, or set them up first (plan: Alert Configuration)",
        )  # fmt: skip


def usage_findings(
    environment: str, limits: Mapping[str, float], recorder: Recorder, *,
    rows: RowStore | None, objects: ObjectStore | None, worker: Target | None,
) -> Iterator[Finding]:  # fmt: skip
    """Yield a finding for each measured figure above its limit, and for each figure without a declared limit.

    limits: d1_mb, r2_objects, r2_mb and requests_per_day, as far as they are declared. D1's own limit always counts.
    Raises NotVerified if no figure is known.
    """
    figures = list(_figures(recorder, rows, objects, worker))
    if not figures:
        raise NotVerified(f"environments.toml [{environment}] names no d1, no r2 and no metrics, so no usage is known")
    for name, value, least in figures:
        limit = limits.get(name, D1_MB if name == "d1_mb" else None)
        shown = f"{'at least ' if least else ''}{value:,.6g}"
        recorder.measure(name, shown, "no limit declared" if limit is None else f"<= {limit:,.6g}")
        place = _PLACE.format(f"{environment}")
        if limit is None:
            yield Finding(
                f"prerequisites:no-limit:{name}", place, f"limits.{name}", f"no limit; measured {shown}",
                MONITORING.promised, "declare the largest value that the budget for Cloudflare allows",
            )  # fmt: skip
        elif value > limit:
            yield Finding(
                f"prerequisites:above-limit:{name}", place, f"{name} at most {limit:,.6g}", shown, MONITORING.promised,
                "reduce the usage, or raise the limit after its cost is accepted",
            )  # fmt: skip
        elif value > WARN_SHARE * limit:
            recorder.warn(f"{name} is {shown}, more than {WARN_SHARE:.0%} of its limit {limit:,.6g}")
    recorder.note_undetectable("usage of KV and of the account's other Workers: only Cloudflare's dashboard counts it")


def _figures(
    recorder: Recorder, rows: RowStore | None, objects: ObjectStore | None, worker: Target | None
) -> Iterator[tuple[str, float, bool]]:
    """Yield name, value, and True if the real value may be larger."""
    if rows is not None:
        size = rows.size_bytes()
        if size is None:
            recorder.note_undetectable("the size of D1: its responses do not state it (meta.size_after)")
        else:
            yield "d1_mb", size / 1e6, False
    if objects is not None:
        listed = listed_objects(objects, LISTED + 1)
        more = len(listed) > LISTED
        yield "r2_objects", min(len(listed), LISTED), more
        yield "r2_mb", sum(each.size for each in listed[:LISTED]) / 1e6, more
        if more:
            recorder.note_undetectable(f"objects of R2 after the first {LISTED:,}")
    if worker is not None and worker.has("metrics"):
        metrics = worker.call("metrics")
        try:
            requests, window = (metrics.field_if_declared(name) for name in ("requests", "window_s"))
        except CheckFailed:
            return  # monitoring_findings reports it
        if _is_figure(requests) and _is_figure(window) and window > 0:
            yield "requests_per_day", requests / window * 86_400, True
            recorder.note_undetectable("requests of other isolates and other hours: /metrics describes a window of one")


def _metrics_finding(target: Target, got: str) -> Finding:
    return Finding(
        "prerequisites:metrics", f"{target.system} metrics", "numbers, or null without requests", got,
        MONITORING.promised, "correct the metrics endpoint: without it no error rate is known",
    )  # fmt: skip


def _object(answer: Any) -> Any:
    try:
        return answer.json
    except CheckFailed:
        return None


def _is_figure(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < math.inf

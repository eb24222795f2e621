"""Availability in a load run: outages on a time axis, versions in responses, acknowledged writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cutover.report.html.charts import BarChart, Mark, bar_chart
from cutover.report.html.figures import any_text
from cutover.report.run_data import inner, number, rows, words

ENTRIES_LIMIT: Final = 1000
"""Versions and further figures that are shown."""

STREAMS_LIMIT: Final = 40
"""Streams that are shown: one row each in the chart."""


@dataclass(frozen=True)
class Outages:
    """Data of the section. Each entry is a name with its JSON object; writes: None if no write was checked."""

    streams: Sequence[tuple[str, Mapping[str, Any]]]
    windows: Sequence[tuple[str, Mapping[str, Any]]]
    chart: BarChart | None
    versions: Sequence[tuple[str, Mapping[str, Any]]] | None
    writes: Mapping[str, Any] | None
    wrong_writes: Sequence[tuple[str, str]]
    figures: Sequence[tuple[str, Any]]


def outages_of(availability: Mapping[str, Any] | None, end_s: Any) -> Outages | None:
    """Return the outages, or None if the run had no availability probe.

    availability: `streams` (name -> requests, windows, longest_gap_ms), `versions` (name -> answers, first_s, last_s),
    `writes` (acknowledged, lost, doubled), each if it was recorded, and further figures by name; end_s: duration of
    the run.
    """
    if availability is None:
        return None
    streams = inner(availability, "streams") or {}
    versions, writes = inner(availability, "versions"), inner(availability, "writes")
    named = [(str(name), inner(streams, name) or {}) for name in list(streams)[:STREAMS_LIMIT]]
    windows = [(name, window) for name, stream in named for window in rows(stream, "windows") or []]
    return Outages(
        streams=named,
        windows=windows,
        chart=_chart([name for name, _ in named], windows, end_s) if streams else None,
        versions=None
        if versions is None
        else [(str(name), inner(versions, name) or {}) for name in list(versions)[:ENTRIES_LIMIT]],
        writes=writes,
        wrong_writes=[(name, kind) for kind in ("lost", "doubled") for name in words(writes or {}, kind)],
        figures=[
            (str(name).replace("_", " "), availability[name])
            for name in list(availability)[:ENTRIES_LIMIT]
            if name not in ("streams", "versions", "writes")
        ],
    )


def _chart(streams: Sequence[str], windows: Sequence[tuple[str, Mapping[str, Any]]], end_s: Any) -> BarChart:
    bars: dict[str, list[Mark]] = {any_text(name): [] for name in streams}
    last = _second({"end": end_s}, "end") or 0.0
    for stream, window in windows:
        begin, end = _second(window, "from_s"), _second(window, "to_s")
        if begin is not None and end is not None:
            bars.setdefault(stream, []).append(Mark("outage", begin, end, bad=True))
            last = max(last, end)
    return bar_chart("outage-times", "Outages over the run, by stream", bars, 0.0, last)


def _second(data: Mapping[str, Any], key: str) -> float | None:
    value = number(data, key)
    return float(value) if value is not None and 0 <= value < 1e9 else None

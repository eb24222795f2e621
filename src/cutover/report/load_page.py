"""reports/RUN/load.html: the result of a load run, from load.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cutover.report.html.charts import Line, LineChart, Mark, line_chart
from cutover.report.html.figures import NOT_GIVEN, Figure, Tone, any_text, figure
from cutover.report.html.layout import Banner, Headline, Section
from cutover.report.load_outages import Outages, outages_of
from cutover.report.run_data import inner, number, rows, unreadable, whole, word, words, wrong_schema

SCHEMA: Final = 1
ENTRIES_LIMIT: Final = 1000
"""Entries of a list that are shown where no table counts the others: points, marks, processes, lines."""

_LISTS: Final = ("gates", "ledger", "errors", "phase_times", "stalls")
_STATES: Final = {"kept": Tone.GOOD, "broken": Tone.BAD, "undecided": Tone.WARN}
_OUTCOMES: Final = {
    "ok": "OK", "http_error": "HTTP error", "network_error": "Network error", "time_out": "Time-out",
    "wrong_body": "Wrong body", "wrong_version": "Wrong version", "refused_by_maintenance": "Refused by maintenance",
    "unsent": "Unsent", "closed_while_idle": "Closed while idle",
}  # fmt: skip
_NO_ERROR: Final = ("ok", "refused_by_maintenance")
_LATENCIES: Final = {"p50_ms": "p50", "p95_ms": "p95", "p99_ms": "p99", "max_ms": "longest"}


@dataclass(frozen=True)
class Maintenance:
    """The declared maintenance window in seconds of the run, and the writes that were refused in it."""

    begin: str
    end: str
    refused: str


def load_page(data: Mapping[str, Any]) -> str:
    """Return the page of one run.

    data: load.json, schema 1. Raises ValueError for another schema: a page of data that it does not know could leave
    out a problem.
    """
    from cutover.report.html.rendering import render

    if data.get("schema") != SCHEMA:
        raise ValueError(wrong_schema("load.json", SCHEMA, data))
    thresholds = rows(data, "gates") or []
    ordered = sorted(thresholds, key=lambda each: {"broken": 0, "undecided": 1}.get(word(each, "state"), 2))
    totals, breaking, sides = inner(data, "totals") or {}, inner(data, "breaking"), inner(data, "sides")
    steps = rows(breaking or {}, "steps") or []
    outages = outages_of(inner(data, "availability"), data.get("duration_s"))
    sections = {
        "gates": Section("Thresholds", len(thresholds)),
        **({} if breaking is None else {"steps": Section("Breaking point", len(steps))}),
        "time": Section("Over time"),
        **({} if sides is None else {"sides": Section("Old and new")}),
        **({} if outages is None else {"outages": _outages_section(outages)}),
        "ledger": Section("Ledger"),
        "generator": Section("Generator"),
        "unseen": Section("Could not detect"),
        "leftovers": Section("Left over"),
    }
    generator = inner(data, "generator") or {}
    return render(
        "load.html",
        f"Load, {word(data, 'profile')}, run {word(data, 'run')}",
        _banner(data, thresholds, totals),
        sections,
        data=data,
        schema=SCHEMA,
        missing_lists=[key for key in _LISTS if rows(data, key) is None],
        unreadable={key: count for key in _LISTS if (count := unreadable(data, key))},
        maintenance=_maintenance(data, totals),
        versions=_versions(data),
        thresholds=ordered,
        not_kept=[each for each in ordered if each.get("state") != "kept"][:ENTRIES_LIMIT],
        breaking=breaking,
        steps=steps,
        charts=_charts(data, generator),
        side_charts=[] if sides is None else _side_charts(sides),
        outages=outages,
        totals=totals,
        ledger=[*(rows(data, "ledger") or []), totals],
        outcome_names=list(_OUTCOMES.values()),
        errors=rows(data, "errors") or [],
        stalls=rows(data, "stalls") or [],
        generator=generator,
        processes=list((inner(generator, "cpu_peak_percent") or {}).items())[:ENTRIES_LIMIT],
        interval_figures=_interval_figures,
        outcome_figures=_outcome_figures,
        state_tone=lambda state: _STATES.get(state, Tone.BAD),
        stall_length=_stall_length,
        ENTRIES_LIMIT=ENTRIES_LIMIT,
    )


def _banner(data: Mapping[str, Any], thresholds: Sequence[Mapping[str, Any]], totals: Mapping[str, Any]) -> Banner:
    listed = rows(data, "gates") is not None
    broken = sum(each.get("state") == "broken" for each in thresholds)
    undecided = sum(each.get("state") not in ("broken", "kept") for each in thresholds)
    stalls = rows(data, "stalls")
    return Banner(
        verdict=word(data, "verdict"),
        exit_code=data.get("exit_code"),
        subject=f"load profile {word(data, 'profile')} on {word(data, 'environment')}",
        reasons=words(data, "reasons"),
        headlines=[
            _headline("threshold broken", "thresholds broken", broken if listed else None, "gates", Tone.BAD),
            _headline("threshold undecided", "thresholds undecided", undecided if listed else None, "gates", Tone.WARN),
            _headline("error", "errors", whole(totals, "errors"), "ledger", Tone.BAD),
            _headline("unsent", "unsent", whole(inner(totals, "outcomes") or {}, "unsent"), "ledger", Tone.BAD),
            _headline("stall", "stalls", None if stalls is None else len(stalls), "time", Tone.WARN),
        ],
    )


def _headline(singular: str, plural: str, count: int | None, anchor: str, tone: Tone) -> Headline:
    """Return a headline. count: None if the data do not contain it, which is not zero."""
    if count is None:
        return Headline("?", plural, Tone.BAD, anchor)
    return Headline(count, singular if count == 1 else plural, tone if count else Tone.GOOD, anchor)


def _outages_section(outages: Outages) -> Section:
    return Section("Outages", len(outages.windows), Tone.BAD if outages.windows else Tone.PLAIN)


def _maintenance(data: Mapping[str, Any], totals: Mapping[str, Any]) -> Maintenance | None:
    window = data.get("maintenance")
    if not isinstance(window, list) or len(window) != 2:
        return None
    refused = whole(inner(totals, "outcomes") or {}, "refused_by_maintenance")
    return Maintenance(any_text(window[0]), any_text(window[1]), any_text(refused))


def _versions(data: Mapping[str, Any]) -> str:
    versions = inner(data, "versions") or {}
    named = [f"{system} {', '.join(words(versions, system)) or 'not reported'}" for system in list(versions)[:4]]
    return "; ".join(named) or NOT_GIVEN


def _interval_figures(threshold: Mapping[str, Any]) -> list[Figure]:
    """Return the estimate and the bounds of a threshold's interval. Small values have three decimal places."""
    interval = inner(threshold, "interval") or {}
    return [
        Figure(f"{value:.3f}", value) if isinstance(value, float) and abs(value) < 10 else figure(value)
        for value in (interval.get(key) for key in ("estimate", "low", "high"))
    ]


def _outcome_figures(row: Mapping[str, Any]) -> list[Figure]:
    counts = inner(row, "outcomes") or {}
    return [
        figure(counts.get(key), tone=Tone.BAD if counts.get(key) and key not in _NO_ERROR else Tone.PLAIN)
        for key in _OUTCOMES
    ]


def _stall_length(stall: Mapping[str, Any]) -> Figure:
    longest_us = number(stall, "longest_us")
    return figure(stall.get("longest_us")) if longest_us is None else figure(longest_us / 1000, "ms")


def _charts(data: Mapping[str, Any], generator: Mapping[str, Any]) -> list[LineChart]:
    timeline = inner(data, "timeline") or {}
    bins = rows(timeline, "bins") or []
    phases = _marks(data, "phase_times", "from_s", "to_s")
    stalls = _marks(data, "stalls", "first_s", "last_s")
    each = "each second" if timeline.get("bin_s") == 1 else f"each {word(timeline, 'bin_s')} seconds"
    return [
        line_chart("latency", "Latency from the intended send time, by quantile", _lines_of(bins, _LATENCIES), x="s",
                   unit="ms", logarithmic=True, marks=[*phases, *stalls]),
        line_chart("sending", f"Requests scheduled and sent in {each}",
                   _lines_of(bins, {"scheduled": "scheduled", "sent": "sent", "failed": "errors"}), x="s", unit="",
                   height=170, marks=phases),
        line_chart("lag", "Longest send lag", _lines_of(bins, {"lag_max_ms": "lag"}), x="s", unit="ms", height=110,
                   limit=number(generator, "lag_limit_ms")),
        line_chart("cpu", "CPU of the busiest generator process", _lines_of(bins, {"cpu_percent": "of a core"}),
                   x="s", unit="%", height=110, limit=number(generator, "cpu_limit_percent")),
    ]  # fmt: skip


def _side_charts(sides: Mapping[str, Any]) -> list[LineChart]:
    over_time, curves = [], []
    for side in ("old", "new"):
        one = inner(sides, side) or {}
        bins = rows(inner(one, "timeline") or {}, "bins") or []
        over_time += _lines_of(bins, {"p50_ms": f"{side} p50", "p95_ms": f"{side} p95"})
        curves.append(Line(side, _curve(one.get("curve"))))
    return [
        line_chart("sides-time", "Latency of the old and the new system", over_time, x="s", unit="ms",
                   logarithmic=True),
        line_chart("sides-curve", "Latency by percentile", curves, x="%", unit="ms", logarithmic=True),
    ]  # fmt: skip


def _curve(points: Any) -> list[tuple[float, float | None]]:
    pairs = (
        [point for point in points if isinstance(point, list) and len(point) == 2] if isinstance(points, list) else []
    )
    read = [(number({"x": x}, "x"), number({"y": y}, "y")) for x, y in pairs[:ENTRIES_LIMIT]]
    return [(x, y) for x, y in read if x is not None]


def _marks(data: Mapping[str, Any], key: str, begin: str, end: str) -> list[Mark]:
    """Return the marks of phases, or of stalls, which are inclusive of their last second."""
    marks = []
    for row in (rows(data, key) or [])[:ENTRIES_LIMIT]:
        first, last = number(row, begin), number(row, end)
        if first is not None and last is not None:
            stall = key == "stalls"
            marks.append(Mark("stall" if stall else word(row, "phase"), first, last + stall, bad=stall))
    return marks


def _lines_of(bins: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> list[Line]:
    """Return one line for each key of the bins. names: key -> name of the line."""
    begins = [(begin, each) for each in bins[:ENTRIES_LIMIT] if (begin := number(each, "from_s")) is not None]
    return [Line(name, [(begin, number(each, key)) for begin, each in begins]) for key, name in names.items()]

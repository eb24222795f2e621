"""reports/RUN/load.html: what a load run measured. The verdict and its limits first, then time, ledger and steps.

Not for measuring or judging: everything stands in the run's data, load.json.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from cutover.report.html.charts import Line, Mark, chart
from cutover.report.html.markup import Content, Html, element
from cutover.report.html.shell import Banner, Headline, Section, page
from cutover.report.html.tables import (
    NOT_GIVEN,
    Cell,
    Tone,
    any_text,
    code,
    facts,
    figure,
    headings,
    moment,
    notice,
    table,
    told,
)
from cutover.report.load_outages import outages
from cutover.report.run_data import inner, rows, unreadable, whole, word, words, wrong_schema

SCHEMA: Final = 1

_LISTS: Final = ("gates", "ledger", "errors", "phase_times", "stalls")
_STATES: Final = {"kept": Tone.GOOD, "broken": Tone.BAD, "undecided": Tone.WARN}
_OUTCOMES: Final = {
    "ok": "OK", "http_error": "HTTP error", "network_error": "Network error", "time_out": "Time-out",
    "wrong_body": "Wrong body", "wrong_version": "Wrong version", "refused_by_maintenance": "Refused by maintenance",
    "unsent": "Unsent", "closed_while_idle": "Closed while idle",
}  # fmt: skip
_LATENCIES: Final = {"p50_ms": "p50", "p95_ms": "p95", "p99_ms": "p99", "max_ms": "longest"}
_MOST: Final = 1000


def load_page(data: Mapping[str, Any]) -> str:
    """The page of one run.

    data: load.json, schema 1. Raises ValueError for another schema: a page that guesses at data it does not know
    could leave out what is wrong.
    """
    if data.get("schema") != SCHEMA:
        raise ValueError(wrong_schema("load.json", SCHEMA, data))
    gates, errors = rows(data, "gates") or [], rows(data, "errors") or []
    broken = [gate for gate in gates if gate.get("state") == "broken"]
    unsure = [gate for gate in gates if gate.get("state") not in ("broken", "kept")]
    totals = inner(data, "totals") or {}
    outcomes = inner(totals, "outcomes") or {}
    banner = Banner(
        verdict=word(data, "verdict"),
        exit_code=data.get("exit_code"),
        subject=f"load profile {word(data, 'profile')} on {word(data, 'environment')}",
        reasons=words(data, "reasons"),
        headlines=[
            _headline("thresholds broken", _told(data, "gates", broken), "gates", Tone.BAD),
            _headline("thresholds undecided", _told(data, "gates", unsure), "gates", Tone.WARN),
            _headline("errors", whole(totals, "errors"), "ledger", Tone.BAD),
            _headline("unsent", whole(outcomes, "unsent"), "ledger", Tone.BAD),
            _headline("stalls", _told(data, "stalls", rows(data, "stalls") or []), "time", Tone.WARN),
        ],
        notices=list(_notices(data)),
        about=_about(data),
    )  # fmt: skip
    sections = [
        Section("gates", "Thresholds", _gates(gates), len(gates)),
        *_steps(inner(data, "breaking")),
        Section("time", "Over time", _over_time(data)),
        *_sides(inner(data, "sides")),
        *outages(inner(data, "availability"), data.get("duration_s")),
        Section("ledger", "Ledger", [_ledger(data, totals), _errors(errors)]),
        Section("generator", "Generator", _generator(data, totals)),
        Section("unseen", "Could not detect", _lines(words(data, "could_not_detect"))),
        Section("leftovers", "Left over", _lines(words(data, "leftovers"), "Nothing was left over.")),
    ]
    footer = element("p", "Rendered from ", code("load.json"), f", schema {SCHEMA}. This page computes no result.")
    return page(f"Load, {word(data, 'profile')}, run {word(data, 'run')}", banner, sections, footer)


def _notices(data: Mapping[str, Any]) -> Iterable[Html]:
    if data.get("planted"):
        yield notice(Tone.WARN, "A fault was planted on purpose: ", code(word(data, "planted")))
    if (breaking := inner(data, "breaking")) is not None:
        yield element("p", word(breaking, "sentence"))
    for mark in words(data, "marks"):
        yield notice(Tone.WARN, "Changed from the profile as declared: ", mark)
    window = data.get("maintenance")
    if isinstance(window, list) and len(window) == 2:
        refused = whole(inner(inner(data, "totals") or {}, "outcomes") or {}, "refused_by_maintenance")
        yield notice(
            Tone.WARN, "Maintenance was declared from second ", any_text(window[0]), " to ", any_text(window[1]),
            f". {any_text(refused)} writes were refused in that time. They do not count as errors.",
        )  # fmt: skip
    if data.get("balanced") is not True:
        yield notice(Tone.BAD, "The ledger does not balance: some scheduled requests have no outcome.")
    for key in _LISTS:
        if rows(data, key) is None:
            yield notice(
                Tone.BAD, "The data contain no list ", code(key), ". An empty table about it below proves nothing."
            )
        elif count := unreadable(data, key):
            yield notice(Tone.BAD, f"{count:,} entries of ", code(key), " cannot be read and are not shown.")


def _about(data: Mapping[str, Any]) -> Html:
    versions = inner(data, "versions") or {}
    answered = "; ".join(
        f"{system} {', '.join(words(versions, system)) or 'not reported'}" for system in list(versions)[:4]
    )
    return facts(
        [
            ("Run", code(word(data, "run"))),
            ("Started", moment(data.get("started")).content),
            ("Duration", _of(data, "duration_s", "planned_s", "s")),
            ("Arrivals", _of(data, "begun", "planned")),
            ("URL", code(word(data, "url"))),
            ("Versions in responses", answered or NOT_GIVEN),
            ("Network floor", figure(data.get("network_floor_ms"), "ms").content),
            ("Seed", code(word(data, "seed"))),
            ("Processes", _of(data, "workers_reported", "workers_planned")),
            ("Arrival clock", word(data, "clock")),
            ("Nonce", code(word(data, "nonce"))),
        ]
    )  # fmt: skip


def _of(data: Mapping[str, Any], real: str, planned: str, unit: str = "") -> Content:
    return [figure(data.get(real), unit).content, " of ", figure(data.get(planned), unit).content]


def _gates(gates: Sequence[Mapping[str, Any]]) -> Html:
    columns = headings(
        "Threshold", "State", "Metric", "Limit", "Value", "From", "To", "Requests", "Minimum", "Endpoints", "Phases",
        figures={"Limit", "Value", "From", "To", "Requests", "Minimum"},
    )  # fmt: skip
    order = {"broken": 0, "undecided": 1}
    ordered = sorted(gates, key=lambda gate: order.get(word(gate, "state"), 2))
    not_kept = [gate for gate in ordered if gate.get("state") != "kept"]
    return Html(
        table(
            "gate-list",
            "Thresholds, broken ones first. From and To are the bounds of the value's interval.",
            columns,
            ([
                [word(gate, "name"), " ", element("small", word(gate, "plan"))],
                told(_STATES.get(word(gate, "state"), Tone.BAD), word(gate, "state")),
                code(word(gate, "metric")),
                _limit(gate),
                *_interval(gate),
                figure(gate.get("samples")),
                figure(gate.get("minimum")),
                word(gate, "endpoints"),
                ", ".join(words(gate, "phases")) or NOT_GIVEN,
            ] for gate in ordered),
            nothing="No threshold applies to the run as a whole.",
        ),
        element("h3", "Broken or undecided") if not_kept else None,
        element("ul", [element("li", word(gate, "reason")) for gate in not_kept[:_MOST]]) if not_kept else None,
    )  # fmt: skip


def _limit(gate: Mapping[str, Any]) -> Cell:
    limit = figure(gate.get("limit"), word(gate, "unit"))
    return Cell([word(gate, "operator"), " ", limit.content], order=limit.order)


def _interval(gate: Mapping[str, Any]) -> list[Cell]:
    interval = inner(gate, "interval") or {}
    cells = []
    for key in ("estimate", "low", "high"):
        value = interval.get(key)
        small = isinstance(value, float) and abs(value) < 10
        cells.append(Cell(f"{value:.3f}", order=value) if small and isinstance(value, float) else figure(value))
    return cells


def _steps(breaking: Mapping[str, Any] | None) -> Iterable[Section]:
    if breaking is None:
        return
    steps = rows(breaking, "steps") or []
    body = [
        element("p", word(breaking, "sentence"), class_="note"),
        table(
            "step-list",
            "Steps in order, up to the first that broke a threshold",
            headings("Step", "Rate", "Sent", "Held", "Thresholds broken", "Reason", figures={"Rate", "Sent"}),
            (
                [
                    code(word(step, "phase")),
                    figure(step.get("rate"), "/s"),
                    figure(step.get("sent")),
                    told(Tone.GOOD, "held") if step.get("held") is True else told(Tone.BAD, "not held"),
                    ", ".join(words(step, "broken")) or NOT_GIVEN,
                    [element("p", word(gate, "reason")) for gate in rows(step, "gates") or []],
                ]
                for step in steps
            ),
            nothing="No step was sent.",
        ),
    ]
    yield Section("steps", "Breaking point", body, len(steps))


def _over_time(data: Mapping[str, Any]) -> Content:
    bins = rows(inner(data, "timeline") or {}, "bins") or []
    phases = [
        Mark(word(phase, "phase"), phase["from_s"], phase["to_s"])
        for phase in (rows(data, "phase_times") or [])[:_MOST]
        if _are_numbers(phase, "from_s", "to_s")
    ]
    stalls = [
        Mark("stall", stall["first_s"], stall["last_s"] + 1, bad=True)
        for stall in (rows(data, "stalls") or [])[:_MOST]
        if _are_numbers(stall, "first_s", "last_s")
    ]
    generator = inner(data, "generator") or {}
    return [
        chart("latency", "Latency from the intended send time, by quantile", _lines_of(bins, _LATENCIES), x="s",
              unit="ms", logarithmic=True, marks=[*phases, *stalls]),
        chart("sending", f"Requests scheduled and sent in {_length(data)}",
              _lines_of(bins, {"scheduled": "scheduled", "sent": "sent", "failed": "errors"}), x="s", unit="",
              height=170, marks=phases),
        chart("lag", "Longest send lag", _lines_of(bins, {"lag_max_ms": "lag"}), x="s", unit="ms", height=110,
              limit=_number(generator.get("lag_limit_ms"))),
        chart("cpu", "CPU of the busiest generator process", _lines_of(bins, {"cpu_percent": "of a core"}), x="s",
              unit="%", height=110, limit=_number(generator.get("cpu_limit_percent"))),
        table(
            "stall-list",
            "Stalls: seconds in which at least a fifth of the responses took ten times the median and 100 ms or more",
            headings("From", "To", "Length", "Requests affected", figures={"From", "To", "Length",
                                                                              "Requests affected"}),
            ([figure(stall.get("first_s"), "s"), figure(stall.get("last_s"), "s"), _milliseconds(stall, "longest_us"),
              figure(stall.get("requests"))] for stall in rows(data, "stalls") or []),
            nothing="No stall was found.",
        ),
    ]  # fmt: skip


def _length(data: Mapping[str, Any]) -> str:
    length = (inner(data, "timeline") or {}).get("bin_s")
    return "each second" if length == 1 else f"each {any_text(length)} seconds"


def _sides(sides: Mapping[str, Any] | None) -> Iterable[Section]:
    if sides is None:
        return
    over_time, curves = [], []
    for side in ("old", "new"):
        one = inner(sides, side) or {}
        bins = rows(inner(one, "timeline") or {}, "bins") or []
        over_time += _lines_of(bins, {"p50_ms": f"{side} p50", "p95_ms": f"{side} p95"})
        points = one.get("curve")
        pairs = (
            [point for point in points if isinstance(point, list) and len(point) == 2]
            if isinstance(points, list)
            else []
        )
        curves.append(Line(side, [(at, _number(value)) for at, value in pairs[:_MOST] if _number(at) is not None]))
    yield Section(
        "sides",
        "Old and new",
        [
            chart("sides-time", "Latency of the old and the new system", over_time, x="s", unit="ms", logarithmic=True),
            chart("sides-curve", "Latency by percentile", curves, x="%", unit="ms",
                  logarithmic=True),
        ],
    )  # fmt: skip


def _ledger(data: Mapping[str, Any], totals: Mapping[str, Any]) -> Html:
    names = [*_OUTCOMES.values()]
    measured = ("Average", "p50", "p95", "p99", "p99.9", "Longest")
    columns = headings(
        "Endpoint", "Phase", "Scheduled", *names, *measured, "Bytes",
        figures={"Scheduled", *names, *measured, "Bytes"},
    )  # fmt: skip
    return table(
        "ledger-table",
        "Every scheduled request by outcome. Latencies in ms are those of successful requests.",
        columns,
        (
            [
                code(word(row, "endpoint")) if "endpoint" in row else element("strong", "all"),
                word(row, "phase"),
                figure(row.get("scheduled")),
                *_outcomes(row),
                *(figure(row.get(key)) for key in ("average_ms", "p50_ms", "p95_ms", "p99_ms", "p99.9_ms", "max_ms")),
                figure(row.get("bytes")),
            ]
            for row in [*(rows(data, "ledger") or []), totals]
        ),
        nothing="Nothing was scheduled.",
    )


def _outcomes(row: Mapping[str, Any]) -> list[Cell]:
    counts = inner(row, "outcomes") or {}
    wrong = {"ok", "refused_by_maintenance"}
    return [
        figure(counts.get(key), tone=Tone.BAD if counts.get(key) and key not in wrong else Tone.PLAIN)
        for key in _OUTCOMES
    ]


def _errors(errors: Sequence[Mapping[str, Any]]) -> Html:
    return table(
        "error-list",
        "Errors by endpoint, phase and detail",
        headings("Endpoint", "Phase", "Detail", "Requests", figures={"Requests"}),
        (
            [code(word(row, "endpoint")), word(row, "phase"), code(word(row, "detail")), figure(row.get("count"))]
            for row in errors
        ),
        nothing="No error was recorded.",
    )


def _generator(data: Mapping[str, Any], totals: Mapping[str, Any]) -> Content:
    generator = inner(data, "generator") or {}
    peaks = inner(generator, "cpu_peak_percent") or {}
    return [
        element("div", facts([
            ("Send lag, p99", figure(totals.get("lag_p99_ms"), "ms").content),
            ("Send lag, longest", figure(totals.get("lag_max_ms"), "ms").content),
            ("Send lag, limit", figure(generator.get("lag_limit_ms"), "ms").content),
            ("Clock step", figure(data.get("clock_step_s"), "s").content),
        ]), class_="facts"),
        table(
            "generator-list",
            "Generator processes",
            headings("Process", "Highest CPU over 10 s", figures={"Highest CPU over 10 s"}),
            ([code(str(name)), figure(peaks[name], "%")] for name in list(peaks)[:_MOST]),
            nothing="The data name no process.",
        ),
    ]  # fmt: skip


def _lines_of(bins: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> list[Line]:
    held = [each for each in bins[:_MOST] if _number(each.get("from_s")) is not None]
    return [Line(name, [(each["from_s"], _number(each.get(key))) for each in held]) for key, name in names.items()]


def _lines(lines: Sequence[str], nothing: str = "The data list nothing.") -> Content:
    if not lines:
        return element("p", nothing, class_="nothing")
    return element("ul", [element("li", line) for line in lines[:_MOST]])


def _milliseconds(row: Mapping[str, Any], key: str) -> Cell:
    value = _number(row.get(key))
    return figure(row.get(key)) if value is None else figure(value / 1000, "ms")


def _told(data: Mapping[str, Any], key: str, entries: Sequence[object]) -> int | None:
    """How many there are; None when the data hold no such list, which is not none."""
    return None if rows(data, key) is None else len(entries)


def _headline(label: str, count: int | None, anchor: str, tone: Tone) -> Headline:
    """A figure that the data do not tell is no zero."""
    if count is None:
        return Headline("?", label, Tone.BAD, anchor)
    return Headline(count, label, tone if count else Tone.GOOD, anchor)


def _are_numbers(row: Mapping[str, Any], *keys: str) -> bool:
    return all(_number(row.get(key)) is not None for key in keys)


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < 1e15:
        return None
    return value

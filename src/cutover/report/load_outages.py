"""The part of a load run's page that shows availability: outages on a time axis, versions, acknowledged writes.

Not for finding them: load/availability.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from cutover.report.html.charts import Mark, timeline
from cutover.report.html.markup import Content, Html, element
from cutover.report.html.shell import Section
from cutover.report.html.tables import Tone, any_text, code, facts, figure, headings, notice, table
from cutover.report.run_data import inner, rows, word, words

_MOST: Final = 1000
_ROWS: Final = 40


def outages(availability: Mapping[str, Any] | None, end_s: Any) -> Iterable[Section]:
    """The section; none when the run did not look for outages. end_s: how long the run lasted.

    availability: `streams` (name -> requests, windows, longest_gap_ms), `versions` (name -> answers, first_s, last_s),
    `writes` (acknowledged, lost, doubled), each when it was looked for, and further figures by name.
    """
    if availability is None:
        return
    streams = inner(availability, "streams") or {}
    windows = [(str(name), window) for name in list(streams)[:_ROWS]
               for window in (rows(inner(streams, name) or {}, "windows") or [])]  # fmt: skip
    yield Section(
        "outages",
        "Outages",
        [
            None if streams else notice(Tone.BAD, "The data contain no stream. The empty table below proves nothing."),
            _bars(streams, windows, end_s),
            _windows(windows),
            _streams(streams),
            _versions(inner(availability, "versions")),
            _writes(inner(availability, "writes")),
            element("div", facts(_figures(availability)), class_="facts"),
        ],
        len(windows),
        Tone.BAD if windows else Tone.PLAIN,
    )  # fmt: skip


def _bars(streams: Mapping[str, Any], windows: Iterable[tuple[str, Mapping[str, Any]]], end_s: Any) -> Content:
    if not streams:
        return None
    bars: dict[str, list[Mark]] = {any_text(name): [] for name in list(streams)[:_ROWS]}
    last = float(end_s) if _is_time(end_s) else 0.0
    for stream, window in windows:
        begin, end = window.get("from_s"), window.get("to_s")
        if isinstance(begin, (int, float)) and isinstance(end, (int, float)) and _is_time(begin) and _is_time(end):
            bars.setdefault(stream, []).append(Mark("outage", float(begin), float(end), bad=True))
            last = max(last, float(end))
    return timeline("outage-times", "Outages over the run, by stream", bars, 0.0, last)


def _windows(windows: Iterable[tuple[str, Mapping[str, Any]]]) -> Html:
    return table(
        "outage-list",
        "Outages with the lower and the upper bound of their length",
        headings("Stream", "From", "To", "Failed", "At least", "At most",
                 figures={"From", "To", "Failed", "At least", "At most"}),
        (
            [
                code(stream),
                figure(window.get("from_s"), "s"),
                figure(window.get("to_s"), "s"),
                figure(window.get("failed")),
                figure(window.get("lower_ms"), "ms"),
                "no response afterwards" if window.get("upper_ms") is None else figure(window.get("upper_ms"), "ms"),
            ]
            for stream, window in windows
        ),
        nothing="No outage was found.",
    )  # fmt: skip


def _streams(streams: Mapping[str, Any]) -> Html:
    return table(
        "stream-list",
        "Streams of requests of the availability probe",
        headings("Stream", "Requests", "Longest time without a response", figures={"Requests",
                                                                               "Longest time without a response"}),
        (
            [code(str(name)), figure(one.get("requests")), figure(one.get("longest_gap_ms"), "ms")]
            for name, one in ((name, inner(streams, name) or {}) for name in list(streams)[:_ROWS])
        ),
        nothing="The data name no stream.",
    )  # fmt: skip


def _versions(versions: Mapping[str, Any] | None) -> Html | None:
    if versions is None:
        return None
    return table(
        "version-list",
        "Versions in responses",
        headings("Version", "Responses", "First", "Last", figures={"Responses", "First", "Last"}),
        (
            [
                code(str(name)),
                figure(one.get("answers")),
                figure(one.get("first_s"), "s"),
                figure(one.get("last_s"), "s"),
            ]
            for name, one in ((name, inner(versions, name) or {}) for name in list(versions)[:_MOST])
        ),
        nothing="No response contained a version.",
    )


def _writes(writes: Mapping[str, Any] | None) -> Html | None:
    if writes is None:
        return None
    wrong = [(kind, name) for kind in ("lost", "doubled") for name in words(writes, kind)]
    return Html(
        element("p", "Acknowledged writes that were checked afterwards: ", word(writes, "acknowledged")),
        table(
            "write-list",
            "Acknowledged writes that were lost or stored twice",
            headings("Write", "Problem"),
            ([code(name), kind] for kind, name in wrong),
            nothing="No write was lost or stored twice.",
        ),
    )


def _figures(availability: Mapping[str, Any]) -> Iterable[tuple[str, Content]]:
    for name in list(availability)[:_MOST]:
        if name not in ("streams", "versions", "writes"):
            yield str(name).replace("_", " "), figure(availability[name]).content


def _is_time(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1e9

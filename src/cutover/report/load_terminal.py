"""Lines of a load run for the terminal, from the same load.json as its page. The verdict's line follows them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from cutover.report.html.figures import NOT_GIVEN, figure
from cutover.report.leftover_lines import leftover_lines
from cutover.report.run_data import inner, rows, word, words

_SHOWN: Final = 20
_LATENCIES: Final = ("p50_ms", "p95_ms", "p99_ms", "p99.9_ms", "max_ms")


def summary(data: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines, most important first: thresholds, outages, stalls, outcomes, latencies, errors, leftovers.

    data: load.json, schema 1.
    """
    for gate in rows(data, "gates") or []:
        yield f"  {word(gate, 'state'):<10} {word(gate, 'reason')}"
    breaking = inner(data, "breaking")
    if breaking is not None:
        yield f"  {word(breaking, 'sentence')}"
    yield from _outages(inner(data, "availability") or {})
    for stall in (rows(data, "stalls") or [])[:_SHOWN]:
        longest = stall.get("longest_us")
        length = _ms(longest / 1000 if isinstance(longest, (int, float)) and abs(longest) < 1e300 else None)
        yield (
            f"  stall of {length} from second {_count(stall.get('first_s'))}: "
            f"{_count(stall.get('requests'))} requests affected"
        )
    totals = inner(data, "totals") or {}
    outcomes = inner(totals, "outcomes") or {}
    parts = [
        f"{_count(count)} {str(name).replace('_', ' ')}" for name, count in list(outcomes.items())[:_SHOWN] if count
    ]
    yield f"  {_count(totals.get('scheduled'))} scheduled = {' + '.join(parts) or 'nothing'}"
    quantiles = ", ".join(f"{key.removesuffix('_ms')} {_ms(totals.get(key))}" for key in _LATENCIES)
    yield f"  latency {quantiles}; send lag p99 {_ms(totals.get('lag_p99_ms'))}"
    for row in (rows(data, "errors") or [])[:_SHOWN]:
        yield f"  {word(row, 'endpoint')}, {word(row, 'phase')}: {_count(row.get('count'))} times {word(row, 'detail')}"
    for line in leftover_lines(words(data, "leftovers"), "load.json"):
        yield f"  left over: {line}"


def _outages(availability: Mapping[str, Any]) -> Iterator[str]:
    streams = inner(availability, "streams") or {}
    for name in list(streams)[:_SHOWN]:
        stream = inner(streams, name) or {}
        windows = rows(stream, "windows") or []
        yield (
            f"  stream {name}: {_count(stream.get('requests'))} requests, {len(windows)} outages, longest time without "
            f"a response {_ms(stream.get('longest_gap_ms'))}"
        )
        for window in windows[:_SHOWN]:
            most = f"at most {_ms(window.get('upper_ms'))}"
            if window.get("upper_ms") is None:
                most = "no response afterwards"
            yield (
                f"    outage from second {_count(window.get('from_s'))}: at least {_ms(window.get('lower_ms'))}, "
                f"{most}, {_count(window.get('failed'))} failed"
            )


def _count(value: Any) -> str:
    return _written(value, "")


def _ms(value: Any) -> str:
    return _written(value, "ms")


def _written(value: Any, unit: str) -> str:
    if value is None:
        return NOT_GIVEN
    return figure(value, unit).text

"""Lines of a reconciliation for the terminal: one per table and finding, and the parts that were not verified."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from cutover.report.html.figures import any_text
from cutover.report.run_data import inner, rows, whole, word, words

_PLACES: Final = 40
_HEADINGS: Final = ("", "source", "target", "compared", "findings")


def reconciliation_lines(data: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines. Numbers are exact, values are as masked as in the data. data: reconciliation.json."""
    found = rows(data, "findings") or []
    yield from _aligned([_HEADINGS, *_numbers(data, found)])
    for each in found[:_PLACES]:
        place = word(each, "table") + (f".{each['column']}" if each.get("column") else "")
        samples = rows(each, "samples") or []
        first = samples[0] if samples else {}
        note = f", {first['note']}" if first.get("note") else ""
        values = f": expected {word(first, 'expected')}, got {word(first, 'got')}" if each.get("column") else ""
        key = f", first {word(first, 'key')}" if first.get("key") else ""
        yield f"  {word(each, 'count')} {word(each, 'kind')} in {place}{key}{values}{note}"
    if len(found) > _PLACES:
        yield f"  and {len(found) - _PLACES} more findings are in reconciliation.html"
    for part, why in (inner(data, "unverified") or {}).items():
        yield f"  not verified: {part}: {any_text(why)}"
    for side, what in (inner(data, "written") or {}).items():
        if what:
            yield f"  written during the run: {side}: {any_text(what)}"
    yield from _kinds(data)
    for note in words(data, "notes"):
        yield f"  note: {note}"


def _kinds(data: Mapping[str, Any]) -> Iterator[str]:
    """Yield the kinds of values that Django's rows have, and those that no row has in some column."""
    contained: list[str] = []
    missing: dict[str, list[str]] = {}
    for table, kinds in (inner(data, "kinds") or {}).items():
        for kind, columns in kinds.items() if isinstance(kinds, Mapping) else ():
            for column, count in columns.items() if isinstance(columns, Mapping) else ():
                if count:
                    contained += [kind] if kind not in contained else []
                else:
                    missing.setdefault(kind, []).append(f"{table}.{column}")
    if contained:
        yield f"  contained: {', '.join(contained)}"
    for kind, places in missing.items():
        yield f"  could not detect: {kind}: no row in {', '.join(places)}"


def _numbers(data: Mapping[str, Any], found: Sequence[Mapping[str, Any]]) -> Iterator[Sequence[str]]:
    """Yield name, source, target, compared and findings of each line. Every finding is counted in one of the lines."""
    seen = 0

    def count(*, part: str | None = None, table: str | None = None) -> str:
        nonlocal seen
        here = [
            whole(each, "count") or 0
            for each in found
            if (part is None or each.get("part") == part) and (table is None or each.get("table") == table)
        ]
        seen += sum(here)
        return f"{sum(here):,}"

    for name, numbers in (inner(data, "tables") or {}).items():
        compared = f"{_number(numbers, 'bytes')} bytes"
        yield (
            name,
            _number(numbers, "source_rows"),
            _number(numbers, "target_rows"),
            compared,
            count(part="rows", table=name),
        )
    objects = inner(data, "objects") or {}
    if objects:
        one, other = _number(objects, "files"), _number(objects, "objects")
        source, target = (one, other) if data.get("direction") != "reverse" else (other, one)
        compared = f"{_number(objects, 'compared_bytes')} bytes"
        yield "files and objects", source, target, compared, count(part="objects")
    else:
        yield "files and objects", "-", "-", "-", count(part="objects")
    keys = inner(data, "keys") or {}
    followed = sum(value for value in (inner(keys, "references") or {}).values() if isinstance(value, int))
    yield "keys and owners", "", "", f"{followed:,} references", count(part="keys")
    own = inner(inner(data, "own") or {}, "tables") or {}
    before, after = (
        sum(whole(each, key) or 0 for each in own.values() if isinstance(each, Mapping)) for key in ("before", "after")
    )
    yield "the Worker's own tables", f"{before:,}", f"{after:,}", "", count(part="own tables")
    logins = inner(data, "logins") or {}
    yield "logins", "", "", f"{_number(logins, 'accounts')} accounts", count(part="logins")
    yield "schema", "", "", "", count(part="schema")
    total = whole(data, "total_findings")
    if total is None or total != seen:
        yield "elsewhere", "", "", "", "?" if total is None else f"{total - seen:,}"


def _number(numbers: Any, key: str) -> str:
    value = numbers.get(key) if isinstance(numbers, Mapping) else None
    return f"{value:,}" if isinstance(value, int) else "-"


def _aligned(lines: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(line[place]) for line in lines) for place in range(len(_HEADINGS))]
    for name, *figures in lines:
        cells = [figure.rjust(width) for figure, width in zip(figures, widths[1:], strict=True)]
        yield "  ".join([name.ljust(widths[0]), *cells]).rstrip()

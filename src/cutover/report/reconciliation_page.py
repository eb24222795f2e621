"""reports/RUN/reconciliation.html: the result of a reconciliation by table and column, from reconciliation.json."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cutover.report.html.figures import Figure, Tone, any_text, figure
from cutover.report.html.layout import Banner, Headline, Section
from cutover.report.run_data import inner, order_by, rows, unreadable, whole, word, words, wrong_schema

SCHEMA: Final = 1
DETAILS_LIMIT: Final = 200
"""Findings that are shown with samples. The table by column counts the others, too."""

SAMPLES_LIMIT: Final = 100
"""Samples of one finding that are shown."""

_PARTS: Final = ("schema", "rows", "keys", "own tables", "objects", "logins")
_DIRECTIONS: Final = {"forward": "Django to the Worker", "reverse": "the Worker back to Django"}
_OBJECTS: Final = {
    "files": "Files", "file_bytes": "Bytes of files", "objects": "Objects", "object_bytes": "Bytes of objects",
    "pairs": "Files matched with an object", "by_bytes": "Compared byte by byte", "by_md5": "Compared by MD5",
    "compared_bytes": "Bytes compared", "described": "Content types and metadata compared",
    "calculated": "Derived columns compared", "multipart": "Multipart uploads, not verified by lists",
    "requests": "Requests", "retries": "Retries", "seconds": "Seconds",
}  # fmt: skip
_LOGINS: Final = {
    "accounts": "Accounts", "verified": "With a hash that the Worker can verify", "disabled": "Disabled",
    "logged_in": "Logins with a known password", "refused": "Disabled accounts refused",
}  # fmt: skip


@dataclass(frozen=True)
class ColumnFindings:
    """The findings in one column. column: None for whole rows and objects; kinds: the findings in words."""

    column: str | None
    count: int
    kinds: str
    compared: bool


@dataclass(frozen=True)
class TableFindings:
    """The findings in one table, by column. compared: False if its rows are mapped and were not compared."""

    name: str
    columns: Sequence[ColumnFindings]
    compared: bool

    @property
    def table_name(self) -> str:
        """Return the id of the table on the page."""
        return f"columns-of-{len(self.columns)}-{''.join(letter for letter in self.name if letter.isalnum())}"


@dataclass(frozen=True)
class NumberedFinding:
    """A finding and its number on the page. column: None for a whole row or object."""

    number: int
    data: Mapping[str, Any]
    column: str | None

    @property
    def anchor(self) -> str:
        """Return the id of the finding on the page."""
        return f"finding-{self.number}"


def reconciliation_page(data: Mapping[str, Any], run: Mapping[str, Any], columns: Mapping[str, Sequence[str]]) -> str:
    """Return the page of one reconciliation.

    data: reconciliation.json, schema 1; run: verdict, exit_code, reasons, run, started (Unix seconds), planted;
    columns: table of D1 -> its mapped columns, so that columns without a finding are listed, too. Raises ValueError
    for another schema: a page of data that it does not know could leave out a problem.
    """
    from cutover.report.html.rendering import render

    if data.get("schema") != SCHEMA:
        raise ValueError(wrong_schema("reconciliation.json", SCHEMA, data))
    found = sorted(
        rows(data, "findings") or [],
        key=lambda each: order_by(word(each, "part"), each.get("table"), each.get("column")),
    )
    unverified, keys = inner(data, "unverified") or {}, inner(data, "keys")
    total, counted = whole(data, "total_findings"), sum(_count(each) for each in found)
    direction = word(data, "direction")
    banner = Banner(
        verdict=word(run, "verdict"),
        exit_code=run.get("exit_code"),
        subject=f"migration from {_DIRECTIONS.get(direction, direction)} on {word(data, 'environment')}",
        reasons=words(run, "reasons"),
        headlines=list(_headlines(data, found, total, unverified)),
    )
    sections = {
        "columns": Section("Findings by table and column", total, _tone(total)),
        "findings": Section("Findings with samples", len(found), _tone(len(found))),
        "rows": Section("Rows"),
        "keys": Section("Keys and sequences"),
        "objects": Section("Files and objects"),
        "logins": Section("Logins"),
        "unverified": Section("Not verified", len(unverified), Tone.WARN if unverified else Tone.PLAIN),
        "writes": Section("Writes during the run"),
        "notes": Section("Notes"),
    }
    return render(
        "reconciliation.html",
        f"Migration, {word(data, 'environment')}, run {word(run, 'run')}",
        banner,
        sections,
        data=data,
        run=run,
        schema=SCHEMA,
        direction=direction,
        listed=rows(data, "findings") is not None,
        unreadable=unreadable(data, "findings"),
        contradiction=None if total == counted else (word(data, "total_findings"), counted),
        tables=list(_by_column(data, found, columns)),
        findings=[
            NumberedFinding(number, each, None if each.get("column") is None else word(each, "column"))
            for number, each in enumerate(found[:DETAILS_LIMIT])
        ],
        findings_left_out=max(len(found) - DETAILS_LIMIT, 0),
        SAMPLES_LIMIT=SAMPLES_LIMIT,
        numbers=[
            (name, each, figure(each.get("target_rows"), tone=_difference_tone(each)))
            for key in ("tables", "owners")
            for name, each in (inner(data, key) or {}).items()
            if isinstance(each, Mapping)
        ],
        keys=keys,
        references=list((inner(keys or {}, "references") or {}).items()),
        sequences=[(name, *_pair(values)) for name, values in (inner(keys or {}, "sequences") or {}).items()],
        one_sided=list((inner(keys or {}, "one_sided") or {}).items()),
        unique=", ".join(words(keys or {}, "unique")) or "nothing",
        objects=_named(inner(data, "objects"), _OBJECTS),
        logins=_named(inner(data, "logins"), _LOGINS),
        unverified=[(part, any_text(reason)) for part, reason in unverified.items()],
        written=[(side, _text(what)) for side, what in (inner(data, "written") or {}).items()],
        notes=words(data, "notes"),
    )


def _headlines(
    data: Mapping[str, Any], found: Sequence[Mapping[str, Any]], total: int | None, unverified: Mapping[str, Any]
) -> Iterable[Headline]:
    shown: int | str = "?" if total is None else total
    yield Headline(shown, "findings" if total != 1 else "finding", Tone.GOOD if total == 0 else Tone.BAD, "findings")
    for part in _PARTS:
        if count := sum(_count(each) for each in found if each.get("part") == part):
            yield Headline(count, f"in {part}", Tone.BAD, "findings")
    compared = [whole(each, "source_rows") for each in (inner(data, "tables") or {}).values() if isinstance(each, dict)]
    yield Headline(sum(number or 0 for number in compared), "source rows", Tone.PLAIN, "rows")
    yield Headline(whole(inner(data, "objects") or {}, "objects") or 0, "objects", Tone.PLAIN, "objects")
    if unverified:
        yield Headline(len(unverified), "not verified", Tone.WARN, "unverified")


def _by_column(
    data: Mapping[str, Any], found: Sequence[Mapping[str, Any]], columns: Mapping[str, Sequence[str]]
) -> Iterable[TableFindings]:
    """Yield each table with all of its mapped columns, and with every other column that has a finding."""
    read = inner(data, "tables") or {}
    for name in dict.fromkeys([*columns, *(word(each, "table") for each in found)]):
        here = [each for each in found if word(each, "table") == name]
        mapped = list(columns.get(name, ()))
        others = [any_text(each.get("column")) for each in here if each.get("column") not in (None, *mapped)]
        whole_rows = [each for each in here if each.get("column") is None]
        listed = []
        if whole_rows or mapped:
            listed.append(_column_findings(None, whole_rows, compared=True))
        for column in (*mapped, *dict.fromkeys(others)):
            at = [each for each in here if each.get("column") == column]
            listed.append(_column_findings(column, at, compared=column not in mapped or name in read))
        yield TableFindings(name, listed, compared=not mapped or name in read)


def _column_findings(column: str | None, found: Sequence[Mapping[str, Any]], *, compared: bool) -> ColumnFindings:
    kinds = "; ".join(f"{word(each, 'count')} {word(each, 'kind')} ({word(each, 'part')})" for each in found)
    return ColumnFindings(column, sum(_count(each) for each in found), kinds, compared)


def _difference_tone(numbers: Mapping[str, Any]) -> Tone:
    return Tone.PLAIN if numbers.get("source_rows") == numbers.get("target_rows") else Tone.BAD


def _pair(values: Any) -> list[Figure]:
    """Return the first two values of a list, or the value and an absent one."""
    held = list(values) if isinstance(values, (list, tuple)) else [values]
    return [figure(value) for value in (*held, None, None)[:2]]


def _named(numbers: Mapping[str, Any] | None, names: Mapping[str, str]) -> list[tuple[str, str]] | None:
    """Return the known numbers with their names, or None if the data contain none."""
    if not numbers:
        return None
    return [(name, figure(numbers[key]).text) for key, name in names.items() if key in numbers]


def _text(value: Any) -> str | None:
    return None if value is None else any_text(value)


def _count(finding: Mapping[str, Any]) -> int:
    return whole(finding, "count") or 0


def _tone(count: int | None) -> Tone:
    return Tone.PLAIN if count == 0 else Tone.BAD

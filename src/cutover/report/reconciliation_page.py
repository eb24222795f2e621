"""reports/RUN/reconciliation.html: what a reconciliation found, by table and column. The verdict, then what is wrong.

Not for finding differences or judging them: everything stands in the run's data, reconciliation.json.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from cutover.report.html.markup import Content, Html, element
from cutover.report.html.shell import Banner, Headline, Section, page
from cutover.report.html.tables import Cell, Tone, any_text, code, facts, figure, headings, moment, notice, table, told
from cutover.report.run_data import inner, order_by, rows, unreadable, whole, word, words, wrong_schema

SCHEMA: Final = 1

_PARTS: Final = ("schema", "rows", "keys", "objects", "logins")
_DIRECTIONS: Final = {"forward": "Django to the Worker", "reverse": "the Worker back to Django"}
_DETAILS_LIMIT: Final = 200
_SAMPLES_LIMIT: Final = 100
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


def reconciliation_page(data: Mapping[str, Any], run: Mapping[str, Any], columns: Mapping[str, Sequence[str]]) -> str:
    """The page of one reconciliation.

    data: reconciliation.json, schema 1. run: verdict, exit_code, reasons, run, started (Unix s), planted. columns:
    table of D1 -> its mapped columns, so that those without a difference stand there, too. Raises ValueError for
    another schema: a page that guesses at data it does not know could leave out what is wrong.
    """
    if data.get("schema") != SCHEMA:
        raise ValueError(wrong_schema("reconciliation.json", SCHEMA, data))
    found = sorted(
        rows(data, "findings") or [], key=lambda each: order_by(_part(each), each.get("table"), each.get("column"))
    )
    unverified = inner(data, "unverified") or {}
    direction = word(data, "direction")
    total = whole(data, "total_findings")
    banner = Banner(
        verdict=word(run, "verdict"),
        exit_code=run.get("exit_code"),
        subject=f"migration from {_DIRECTIONS.get(direction, direction)} on {word(data, 'environment')}",
        reasons=words(run, "reasons"),
        headlines=list(_headlines(data, found, total, unverified)),
        notices=list(_notices(data, run, found, total)),
        about=facts(
            [
                ("Run", code(word(run, "run"))),
                ("Started", moment(run.get("started")).content),
                ("Duration", figure(data.get("seconds"), "s").content),
                ("Direction", direction),
                ("Objects", "every byte (thorough)" if data.get("thorough") is True else "by listing"),
            ]
        ),
    )
    sections = [
        Section("columns", "Findings by table and column", list(_by_column(data, found, columns)), total, _tone(total)),
        Section("findings", "Findings with samples", list(_details(found)), len(found), _tone(len(found))),
        Section("rows", "Rows", _rows(data)),
        Section("keys", "Keys and sequences", list(_keys(inner(data, "keys")))),
        Section("objects", "Files and objects", _numbers(inner(data, "objects"), _OBJECTS, "No object was compared.")),
        Section("logins", "Logins", _numbers(inner(data, "logins"), _LOGINS, "No account was verified.")),
        Section("unverified", "Not verified", _unverified(unverified), len(unverified), _warn(unverified)),
        Section("writes", "Writes during the run", _writes(inner(data, "written"))),
        Section("notes", "Notes", _lines(words(data, "notes"), "None.")),
    ]
    footer = element(
        "p", "Rendered from ", code("reconciliation.json"), f", schema {SCHEMA}. This page computes no result."
    )
    return page(f"Migration, {word(data, 'environment')}, run {word(run, 'run')}", banner, sections, footer)


def _headlines(
    data: Mapping[str, Any], found: Sequence[Mapping[str, Any]], total: int | None, unverified: Mapping[str, Any]
) -> Iterable[Headline]:
    shown: int | str = "?" if total is None else total
    yield Headline(shown, "findings" if total != 1 else "finding", Tone.GOOD if total == 0 else Tone.BAD, "findings")
    for part in _PARTS:
        count = sum(whole(each, "count") or 0 for each in found if each.get("part") == part)
        if count:
            yield Headline(count, f"in {part}", Tone.BAD, "findings")
    compared = [whole(each, "source_rows") for each in (inner(data, "tables") or {}).values() if isinstance(each, dict)]
    yield Headline(sum(number or 0 for number in compared), "source rows", Tone.PLAIN, "rows")
    objects = inner(data, "objects") or {}
    yield Headline(whole(objects, "objects") or 0, "objects", Tone.PLAIN, "objects")
    if unverified:
        yield Headline(len(unverified), "not verified", Tone.WARN, "unverified")


def _notices(
    data: Mapping[str, Any], run: Mapping[str, Any], found: Sequence[Mapping[str, Any]], total: int | None
) -> Iterable[Html]:
    if run.get("planted"):
        yield notice(Tone.WARN, "A fault was planted on purpose: ", code(word(run, "planted")))
    if data.get("values_shown") is not False:
        yield notice(Tone.WARN, "Values of users' data are not masked on this page (--show-values).")
    if rows(data, "findings") is None:
        yield notice(Tone.BAD, "The data contain no list of findings. An empty table of findings below proves nothing.")
    elif count := unreadable(data, "findings"):
        yield notice(Tone.BAD, f"{count:,} findings cannot be read and are not shown.")
    counted = sum(whole(each, "count") or 0 for each in found)
    if total != counted:
        yield notice(
            Tone.BAD,
            f"The total is {any_text(data.get('total_findings'))} findings, but the list contains {counted:,}.",
        )


def _by_column(
    data: Mapping[str, Any], found: Sequence[Mapping[str, Any]], columns: Mapping[str, Sequence[str]]
) -> Iterable[Html]:
    """One table for each table: every column that is mapped, and whatever else something was found at."""
    read = inner(data, "tables") or {}
    for name in dict.fromkeys([*columns, *(word(each, "table") for each in found)]):
        here = [each for each in found if word(each, "table") == name]
        mapped = list(columns.get(name, ()))
        others = [any_text(each.get("column")) for each in here if each.get("column") not in (None, *mapped)]
        whole_rows = [each for each in here if each.get("column") is None]
        shown: list[tuple[Content, Sequence[Mapping[str, Any]], bool]] = []
        if whole_rows or mapped:
            shown.append((element("em", "whole rows and objects"), whole_rows, True))
        for column in (*mapped, *dict.fromkeys(others)):
            at = [each for each in here if each.get("column") == column]
            shown.append((code(column), at, column not in mapped or name in read))
        yield element("h3", code(name))
        if mapped and name not in read:
            yield notice(Tone.WARN, "The rows of this table were not compared.")
        yield table(
            f"columns-of-{len(shown)}-{''.join(letter for letter in name if letter.isalnum())}",
            ["Findings in each column of ", code(name)],
            headings("Column", "Findings", "Kinds", figures={"Findings"}),
            (_column_row(title, at, compared=compared) for title, at, compared in shown),
            nothing="No column is mapped and nothing was found.",
        )


def _column_row(title: Content, at: Sequence[Mapping[str, Any]], *, compared: bool) -> Sequence[Cell | Content]:
    count = sum(whole(each, "count") or 0 for each in at)
    if not at:
        said = told(Tone.GOOD, "no difference") if compared else told(Tone.WARN, "not compared")
        return [title, figure(0), said]
    kinds = [f"{word(each, 'count')} {word(each, 'kind')} ({_part(each)})" for each in at]
    return [title, figure(count, tone=Tone.BAD), "; ".join(kinds)]


def _details(found: Sequence[Mapping[str, Any]]) -> Iterable[Html]:
    if not found:
        yield element("p", "No difference was found.", class_="nothing")
    for number, each in enumerate(found[:_DETAILS_LIMIT]):
        column = each.get("column")
        place: list[Content] = [code(word(each, "table"))]
        if column is not None:
            place += [".", code(any_text(column))]
        yield element(
            "article",
            element(
                "h3", f"{word(each, 'count')} {word(each, 'kind')}: ", place, f" ({_part(each)})",
                id=f"finding-{number}-title",
            ),
            table(
                f"samples-{number}",
                f"First samples of {word(each, 'count')}",
                headings("Key", "Expected", "Got", "Note"),
                (
                    [code(word(sample, "key")), code(word(sample, "expected")), code(word(sample, "got")),
                     word(sample, "note")]
                    for sample in rows(each, "samples") or []
                ),
                nothing="The data contain no sample.",
                most=_SAMPLES_LIMIT,
                sortable=False,
            ),
            id=f"finding-{number}",
            aria_labelledby=f"finding-{number}-title",
        )  # fmt: skip
    if len(found) > _DETAILS_LIMIT:
        yield notice(
            Tone.WARN, f"{len(found) - _DETAILS_LIMIT:,} more are not shown with samples. The table above counts them."
        )


def _rows(data: Mapping[str, Any]) -> Html:
    named = [(name, each, "") for name, each in (inner(data, "tables") or {}).items()]
    named += [(name, each, "counted") for name, each in (inner(data, "owners") or {}).items()]
    columns = headings(
        "Table", "Source rows", "Target rows", "Bytes compared", "Ranges", "Differing ranges",
        "Rows verified before the resume", "Seconds",
        figures={"Source rows", "Target rows", "Bytes compared", "Ranges", "Differing ranges",
                 "Rows verified before the resume", "Seconds"},
    )  # fmt: skip
    return table(
        "row-numbers",
        "Rows and bytes compared, by table",
        columns,
        (_numbers_of(name, numbers) for name, numbers, _ in named if isinstance(numbers, Mapping)),
        nothing="No row was compared.",
    )


def _numbers_of(name: str, numbers: Mapping[str, Any]) -> Sequence[Cell | Content]:
    source, target = numbers.get("source_rows"), numbers.get("target_rows")
    differing = numbers.get("differing_ranges")
    return [
        code(name),
        figure(source),
        figure(target, tone=Tone.PLAIN if source == target else Tone.BAD),
        figure(numbers.get("bytes")),
        figure(numbers.get("ranges")),
        figure(differing, tone=Tone.BAD if differing else Tone.PLAIN),
        figure(numbers.get("resumed_rows")),
        figure(numbers.get("seconds")),
    ]


def _keys(keys: Mapping[str, Any] | None) -> Iterable[Html]:
    if not keys:
        yield notice(Tone.WARN, "No key, reference or sequence was checked.")
        return
    followed = inner(keys, "references") or {}
    yield table(
        "references", "References checked", headings("Reference", "Rows", figures={"Rows"}),
        ([code(name), figure(count)] for name, count in followed.items()), nothing="No reference was checked.",
    )  # fmt: skip
    sequences = inner(keys, "sequences") or {}
    columns = headings("Table", "Sequence", "Greatest ID", figures={"Sequence", "Greatest ID"})
    yield table(
        "sequences", "Sequences of the target", columns,
        ([code(name), *_two(told_)] for name, told_ in sequences.items()), nothing="No sequence was read.",
    )  # fmt: skip
    alone = inner(keys, "one_sided") or {}
    yield table(
        "one-sided", "Tables that exist on one side only, as declared in contracts/migration.toml",
        headings("Table", "Rows", figures={"Rows"}),
        ([code(name), figure(count)] for name, count in alone.items()), nothing="None.",
    )  # fmt: skip
    unique = words(keys, "unique")
    yield element("p", "Compared as unique by SQLite's rules: ", ", ".join(unique) if unique else "nothing", ".")


def _two(values: Any) -> list[Cell]:
    held = list(values) if isinstance(values, (list, tuple)) else [values]
    return [figure(value) for value in (*held, None, None)[:2]]


def _numbers(numbers: Mapping[str, Any] | None, names: Mapping[str, str], nothing: str) -> Html:
    if not numbers:
        return notice(Tone.WARN, nothing)
    shown = [(title, figure(numbers[key]).content) for key, title in names.items() if key in numbers]
    return element("div", facts(shown), class_="facts")


def _unverified(unverified: Mapping[str, Any]) -> Html:
    return table(
        "unverified-parts", "Parts that were not verified", headings("Part", "Reason"),
        ([name, any_text(why)] for name, why in unverified.items()), nothing="Every requested part was verified.",
    )  # fmt: skip


def _writes(written: Mapping[str, Any] | None) -> Html:
    return table(
        "writes-by-side", "Writes to either side during the run", headings("Side", "Written"),
        (
            [side, told(Tone.GOOD, "none, proven") if what is None else told(Tone.BAD, any_text(what))]
            for side, what in (written or {}).items()
        ),
        nothing="It is unknown if anything was written.",
    )  # fmt: skip


def _lines(lines: Sequence[str], nothing: str) -> Html:
    if not lines:
        return element("p", nothing, class_="nothing")
    return element("ul", [element("li", line) for line in lines])


def _part(finding: Mapping[str, Any]) -> str:
    return word(finding, "part")


def _tone(count: int | None) -> Tone:
    return Tone.PLAIN if count == 0 else Tone.BAD


def _warn(entries: Mapping[str, Any]) -> Tone:
    return Tone.WARN if entries else Tone.PLAIN

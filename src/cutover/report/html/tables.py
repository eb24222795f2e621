"""Tables, figures, shares, times and folded parts of a report, readable without colour and without a script.

Not for pages: shell.py. Computes nothing but how a number is written.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Any, Final

from cutover.report.html.markup import Content, Html, element, is_whole, text

ROWS_LIMIT: Final = 1000
"""Rows of one table that are shown; the others are counted. A browser sorts these at once."""

COMMAND_LIMIT: Final = 4000
"""Characters of a command that are shown. A longer one is not offered for copying: half a command is another one."""


NOT_GIVEN: Final = "—"
"""Stands where the data hold nothing."""


class Tone(StrEnum):
    """How a reader should take something. Never told by colour alone: each has a sign, and words beside it."""

    GOOD = "good"
    BAD = "bad"
    WARN = "warn"
    PLAIN = "plain"


SIGNS: Final = {Tone.GOOD: "✓", Tone.BAD: "✗", Tone.WARN: "!", Tone.PLAIN: ""}


@dataclass(frozen=True)
class Column:
    """A column's heading; figures stand to the right and are sorted as numbers."""

    heading: str
    figures: bool = False


@dataclass(frozen=True)
class Cell:
    """Content with what the table needs to know of it. order: what the column is sorted by, where that is no text."""

    content: Content
    order: float | None = None
    tone: Tone = Tone.PLAIN


def headings(*names: str, figures: Collection[str] = ()) -> list[Column]:
    """Columns by their headings. figures: those that hold numbers."""
    return [Column(name, name in figures) for name in names]


def table(
    name: str,
    caption: Content,
    columns: Sequence[Column],
    rows: Iterable[Sequence[Cell | Content]],
    *,
    nothing: str,
    most: int = ROWS_LIMIT,
    sortable: bool = True,
) -> Html:
    """A table whose first column names the row.

    name: unique on the page. nothing: the sentence that stands there when there is no row: an empty table
    says nothing. most: rows shown; how many more there are stands below. sortable: the page's script lets
    the reader sort and filter, and without it the table is whole.
    """
    every = iter(rows)
    body = [_row(columns, row) for row in islice(every, most)]
    if not body:
        return element("p", nothing, class_="nothing", id=name)
    left_out = sum(1 for _ in every)
    head = element("tr", [element("th", c.heading, scope="col", class_=_figures(c)) for c in columns])
    return Html(
        scrolling(
            name,
            element(
                "table",
                element("caption", caption, id=f"{name}-caption"),
                element("thead", head),
                element("tbody", body),
                id=name,
                data_sortable=sortable and len(body) > 1,
            ),
        ),
        element("p", f"{left_out:,} more rows are not shown. The run's data contain them.", class_="warn note")
        if left_out
        else None,
    )


def scrolling(name: str, wide: Html) -> Html:
    """A frame that scrolls sideways, also by keyboard, round the table of that name."""
    return element("div", wide, class_="scroll", role="group", tabindex=0, aria_labelledby=f"{name}-caption")


def facts(pairs: Iterable[tuple[str, Content]]) -> Html:
    """Names with their values."""
    return element("dl", [element("div", element("dt", name), element("dd", value)) for name, value in pairs])


def folded(summary: Content, *content: Content, opened: bool = False) -> Html:
    """What is read on demand."""
    return element("details", element("summary", summary), content, open=opened)


def told(tone: Tone, *content: Content) -> Html:
    """A short remark with its sign."""
    sign = element("span", SIGNS[tone] + " ", aria_hidden="true") if SIGNS[tone] else None
    return element("span", sign, content, class_=tone.value)


def notice(tone: Tone, *content: Content) -> Html:
    """A remark that stands by itself."""
    return element("p", element("span", SIGNS[tone] + " ", aria_hidden="true"), content, class_=f"{tone.value} note")


def code(value: str) -> Html:
    """A value of a system: isolated, so that its writing direction moves nothing around it."""
    return element("code", value, dir="auto") if value else element("code", "(empty)", class_="nothing")


def command(name: str, value: str) -> Html:
    """A command that can be copied whole. name: whose it is. No copying when it cannot be shown exactly."""
    whole = is_whole(value, COMMAND_LIMIT)
    return Html(
        element("pre", element("code", text(value, COMMAND_LIMIT)), data_copy=name if whole else None, tabindex=0,
                role="group", aria_label=f"Command for {name}"),
        None if whole else notice(Tone.WARN, "Do not copy this command: a part of it is masked, cut or invisible."),
    )  # fmt: skip


def figure(value: Any, unit: str = "", tone: Tone = Tone.PLAIN) -> Cell:
    """A number with thousands apart; anything else as the text it is."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return Cell(any_text(value), tone=tone)
    written = f"{value:,}" if isinstance(value, int) else f"{value:,.1f}" if abs(value) < 1e15 else f"{value:g}"
    return Cell(f"{written} {unit}".rstrip(), order=float(value) if abs(value) < 1e300 else None, tone=tone)


def share(part: Any, whole: Any) -> Cell:
    """Part of a whole in per cent, 100 % only when it is all of it and 0 % only when it is none."""
    numbers = all(isinstance(n, (int, float)) and not isinstance(n, bool) for n in (part, whole))
    if not numbers or not 0 <= part <= whole < 1e300 or not whole:
        return Cell(NOT_GIVEN)
    per_cent = 100 * part / whole
    written = "< 1 %" if 0 < per_cent < 1 else "> 99 %" if 99 < per_cent < 100 else f"{per_cent:.0f} %"
    return Cell(written, order=per_cent)


def moment(unix_s: Any) -> Cell:
    """A time given in Unix seconds, in UTC."""
    try:
        at = time.gmtime(unix_s)
        written = time.strftime("%Y-%m-%d %H:%M:%S UTC", at)
        return Cell(element("time", written, datetime=time.strftime("%Y-%m-%dT%H:%M:%SZ", at)), order=float(unix_s))
    except (TypeError, ValueError, OverflowError, OSError):
        return Cell(any_text(unix_s))


def any_text(value: Any) -> str:
    """Whatever stands in a run's data, as text; what is absent is NOT_GIVEN, what is nested is named, not shown."""
    if value is None:
        return NOT_GIVEN
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (str, int, float)):
        return str(value)
    return "a list" if isinstance(value, (list, tuple)) else "an object"


def bar(value: float, most: float) -> Html:
    """A bar beside a figure that says the same in digits. Drawn by attributes: the page allows no inline style."""
    width = round(100 * min(max(value / most, 0.0), 1.0)) if most > 0 else 0
    shape = element("rect", width=width, height=8, x=0, y=0)
    return element("svg", shape, class_="bar", width=100, height=8, viewBox="0 0 100 8", aria_hidden="true")


def _row(columns: Sequence[Column], row: Sequence[Cell | Content]) -> Html:
    if len(row) != len(columns):
        raise ValueError(f"{len(row)} cells for {len(columns)} columns")
    cells = [item if isinstance(item, Cell) else Cell(item) for item in row]
    return element(
        "tr",
        [
            element(
                "td" if place else "th",
                cell.content if cell.tone is Tone.PLAIN else told(cell.tone, cell.content),
                scope=None if place else "row",
                class_=_figures(column),
                data_order=None if cell.order is None else repr(cell.order),
            )
            for place, (column, cell) in enumerate(zip(columns, cells, strict=True))
        ],
    )


def _figures(column: Column) -> str | None:
    return "figures" if column.figures else None

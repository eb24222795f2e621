"""Lines over time, strips and bars as inline SVG: drawn by attributes and classes, each with its figures as a table.

Lines differ in dashes as well as in colour. Not for computing points: the run's data hold them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cutover.report.html.markup import Html, element
from cutover.report.html.tables import Cell, Column, figure, folded, table

WIDTH: Final = 960
"""Units of a chart's width; it is scaled to the page."""

_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 10, 10, 26
_STYLES: Final = 4
_TICKS: Final = 4


@dataclass(frozen=True)
class Line:
    """One line: its name, and its points by x. None breaks it: nothing was measured there, which is no zero."""

    name: str
    points: Sequence[tuple[float, float | None]]


@dataclass(frozen=True)
class Mark:
    """A named stretch of the x axis: a phase, a stall, an outage. bad: shaded as such."""

    name: str
    begin: float
    end: float
    bad: bool = False


def chart(
    name: str,
    caption: str,
    lines: Sequence[Line],
    *,
    x: str,
    unit: str,
    height: int = 240,
    logarithmic: bool = False,
    marks: Sequence[Mark] = (),
    limit: float | None = None,
) -> Html:
    """A chart with its legend, and below it, folded, the same figures as a table.

    name: unique on the page; x, unit: what the axes count; limit: a level drawn across. Points that are no numbers
    are left out. Without any, a sentence stands there instead.
    """
    drawn = [Line(line.name, [point for point in line.points if _is_number(point[0])]) for line in lines]
    values = [y for line in drawn for _, y in line.points if y is not None and _is_number(y)]
    if not values:
        return element("p", f"{caption}: the data contain no figures.", class_="nothing", id=name)
    xs = [at for line in drawn for at, _ in line.points]
    axes = _Axes(min(xs), max(xs), values, limit, height, logarithmic=logarithmic)
    picture = element(
        "svg",
        [_mark(axes, mark) for mark in marks],
        _grid(axes, unit, x),
        element("path", d=f"M{_LEFT} {axes.y(limit)}H{WIDTH - _RIGHT}", class_="limit") if axes.shows(limit) else None,
        [element("path", d=axes.path(line), class_=f"line line-{at % _STYLES}") for at, line in enumerate(drawn)],
        viewBox=f"0 0 {WIDTH} {height}",
        class_="chart",
        role="img",
        aria_label=f"{caption}. The table below contains the figures.",
    )
    return element(
        "div",
        element("h3", caption, id=f"{name}-title"),
        element("div", picture, class_="scroll", role="group", tabindex=0, aria_labelledby=f"{name}-title"),
        element("ul", [_legend(at, line.name) for at, line in enumerate(drawn)],
                element("li", element("svg", element("path", d="M0 5H30", class_="limit"), class_="key", width=30,
                                      height=10, aria_hidden="true"), " limit") if axes.shows(limit) else None,
                class_="legend"),
        folded(f"{caption}, as a table", _figures(name, caption, drawn, x, unit)),
        id=name,
    )  # fmt: skip


def timeline(name: str, caption: str, rows: Mapping[str, Sequence[Mark]], begin: float, end: float) -> Html:
    """Bars on a common time axis, one row a name. For what has a beginning and an end; the figures stand in a table
    of the caller's."""
    height = 24 * len(rows) + _BOTTOM
    axes = _Axes(begin, end if end > begin else begin + 1, [0.0, 1.0], None, height, logarithmic=False)
    bars = []
    for place, (row, marks) in enumerate(rows.items()):
        top = 24 * place + 4
        bars.append(element("rect", x=_LEFT, y=top, width=WIDTH - _LEFT - _RIGHT, height=16, class_="calm"))
        bars.append(element("text", row, x=_LEFT - 6, y=top + 12, class_="tick end"))
        for mark in marks:
            left, right = axes.x(mark.begin), axes.x(mark.end)
            bars.append(element("rect", x=_short(left), y=top, width=_short(max(1.5, right - left)), height=16,
                                class_="outage"))  # fmt: skip
    picture = element(
        "svg", bars, _x_ticks(axes, "s"), viewBox=f"0 0 {WIDTH} {height}", class_="chart", role="img",
        aria_label=f"{caption}. The table below contains the figures.",
    )  # fmt: skip
    return element(
        "div",
        element("h3", caption, id=f"{name}-title"),
        element("div", picture, class_="scroll", role="group", tabindex=0, aria_labelledby=f"{name}-title"),
        id=name,
    )


class _Axes:
    """From values to places on the picture."""

    def __init__(
        self, first: float, last: float, values: Sequence[float], limit: float | None, height: int, *, logarithmic: bool
    ) -> None:
        self.first, self.last, self.height, self.logarithmic = first, max(last, first + 1), height, logarithmic
        most = max([*values, *([limit] if limit is not None and _is_number(limit) else [])])
        if logarithmic:
            positive = [value for value in values if value > 0] or [1.0]
            self.low = 10 ** math.floor(math.log10(max(min(positive), 1e-3)))
            self.high = max(10 ** math.ceil(math.log10(max(most, 1e-3))), self.low * 10)
        else:
            self.low, self.high = 0.0, _round_up(most)

    def x(self, value: float) -> float:
        span = WIDTH - _LEFT - _RIGHT
        return _LEFT + span * min(max((value - self.first) / (self.last - self.first), 0.0), 1.0)

    def y(self, value: float | None) -> str:
        return _short(self.height_of(value))

    def height_of(self, value: float | None) -> float:
        if self.logarithmic:
            at = math.log10(max(value or 0.0, self.low) / self.low) / math.log10(self.high / self.low)
        else:
            at = (value or 0.0) / self.high
        return _TOP + (self.height - _TOP - _BOTTOM) * (1 - min(max(at, 0.0), 1.0))

    def shows(self, limit: float | None) -> bool:
        return limit is not None and _is_number(limit) and self.low <= limit <= self.high

    def path(self, line: Line) -> str:
        pieces, pen = [], "M"
        for at, value in line.points:
            if not _is_number(value):
                pen = "M"
                continue
            pieces.append(f"{pen}{_short(self.x(at))} {self.y(value)}")
            # A point that stands alone would not be seen.
            pieces.append("h1.5" if pen == "M" else "")
            pen = "L"
        return "".join(pieces)

    def levels(self) -> Iterable[float]:
        if not self.logarithmic:
            return [self.high * step / _TICKS for step in range(_TICKS + 1)]
        return [self.low * 10**power for power in range(round(math.log10(self.high / self.low)) + 1)]


def _grid(axes: _Axes, unit: str, x: str) -> list[Html]:
    parts = []
    for level in axes.levels():
        at = axes.y(level)
        parts.append(element("path", d=f"M{_LEFT} {at}H{WIDTH - _RIGHT}", class_="grid"))
        parts.append(
            element(
                "text", f"{_tick(level)} {unit}", x=_LEFT - 6, y=_short(axes.height_of(level) + 4), class_="tick end"
            )
        )
    return [*parts, *_x_ticks(axes, x)]


def _x_ticks(axes: _Axes, unit: str) -> list[Html]:
    step = _round_up((axes.last - axes.first) / 8)
    first = math.ceil(axes.first / step)
    places = [number * step for number in range(first, math.floor(axes.last / step) + 1)]
    return [
        element("text", f"{_tick(place)} {unit}", x=_short(axes.x(place)), y=axes.height - 8,
                class_="tick end" if axes.x(place) > WIDTH - _LEFT else "tick middle")
        for place in places
    ]  # fmt: skip


def _mark(axes: _Axes, mark: Mark) -> list[Html]:
    left, right = axes.x(mark.begin), axes.x(mark.end)
    tall = axes.height - _TOP - _BOTTOM
    box = element("rect", x=_short(left), y=_TOP, width=_short(max(1.0, right - left)), height=tall,
                  class_="mark bad" if mark.bad else "mark")  # fmt: skip
    return [box] if mark.bad else [box, element("text", mark.name, x=_short(left + 4), y=_TOP + 12, class_="tick")]


def _legend(at: int, name: str) -> Html:
    sample = element("path", d="M0 5H30", class_=f"line line-{at % _STYLES}")
    return element("li", element("svg", sample, class_="key", width=30, height=10, aria_hidden="true"), f" {name}")


def _figures(name: str, caption: str, lines: Sequence[Line], x: str, unit: str) -> Html:
    columns = [Column(f"At ({x})"), *(Column(f"{line.name} ({unit})", figures=True) for line in lines)]
    by_x: dict[float, dict[int, float | None]] = {}
    for at, line in enumerate(lines):
        for place, value in line.points:
            by_x.setdefault(place, {})[at] = value
    rows = (
        [Cell(f"{place:g}", order=place), *(figure(points.get(at)) for at in range(len(lines)))]
        for place, points in sorted(by_x.items())
    )
    return table(f"{name}-figures", caption, columns, rows, nothing="No figures.", sortable=False)


def _round_up(value: float) -> float:
    """The next of 1, 2, 2.5, 5 times a power of ten."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(power * step for step in (1, 2, 2.5, 5, 10) if power * step >= value * (1 - 1e-9))


def _tick(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _short(value: float) -> str:
    """A place on the picture, to a tenth of a unit."""
    return f"{value:.1f}"


def _is_number(value: Any) -> bool:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and math.isfinite(value) and abs(value) < 1e15

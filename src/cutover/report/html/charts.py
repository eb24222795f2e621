"""Geometry of charts: lines over an axis, and bars over time. The templates draw it as inline SVG.

Lines differ in dashes as well as in color. Each chart has its figures as a table.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cutover.report.html.figures import Figure, figure

WIDTH: Final = 960
"""Width of a chart in SVG units. The page scales it. templates/charts.html contains the same number."""

_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 10, 10, 26
_ROW: Final = 24
_TEXT: Final = 14
_STYLES: Final = 4
_TICKS: Final = 4


@dataclass(frozen=True)
class Line:
    """A line's name and its points (x, y). A point whose y is None breaks the line: nothing was measured there."""

    name: str
    points: Sequence[tuple[float, float | None]]


@dataclass(frozen=True)
class Mark:
    """A named range of the x axis: a phase, a stall, an outage. bad: shaded as a problem."""

    name: str
    begin: float
    end: float
    bad: bool = False


@dataclass(frozen=True)
class Box:
    """A rectangle. Coordinates are in SVG units; style: CSS classes."""

    x: str
    y: str
    width: str
    height: str
    style: str


@dataclass(frozen=True)
class Label:
    """A text in the chart. Coordinates are in SVG units; style: CSS classes."""

    content: str
    x: str
    y: str
    style: str


@dataclass(frozen=True)
class Curve:
    """A line as SVG path data."""

    name: str
    path: str
    style: str


@dataclass(frozen=True)
class TableRow:
    """A row of a chart's table: the x value and each line's figure there."""

    x: Figure
    figures: Sequence[Figure]


@dataclass(frozen=True)
class BarChart:
    """Bars on a common time axis."""

    name: str
    caption: str
    height: int
    boxes: Sequence[Box]
    labels: Sequence[Label]


@dataclass(frozen=True)
class LineChart(BarChart):
    """Lines with their table. empty: the data contain no figure, so there is nothing to draw; limit: path data."""

    empty: bool = False
    grid: Sequence[str] = ()
    curves: Sequence[Curve] = ()
    limit: str | None = None
    columns: Sequence[str] = ()
    rows: Sequence[TableRow] = ()

    @property
    def table_name(self) -> str:
        """Return the id of the chart's table."""
        return f"{self.name}-figures"

    @property
    def table_summary(self) -> str:
        """Return the summary of the folded part that contains the table."""
        return f"{self.caption}, as a table"


def line_chart(
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
) -> LineChart:
    """Return the chart of some lines.

    name: unique on the page; x, unit: units of the axes; height: in SVG units; limit: a horizontal line.
    Points that are not finite numbers are left out.
    """
    usable = [Line(line.name, [point for point in line.points if _is_number(point[0])]) for line in lines]
    values = [y for line in usable for _, y in line.points if y is not None and _is_number(y)]
    if not values:
        return LineChart(name, caption, height, (), (), empty=True)
    xs = [at for line in usable for at, _ in line.points]
    axes = _Axes(min(xs), max(xs), values, limit, height, logarithmic=logarithmic)
    return LineChart(
        name,
        caption,
        height,
        boxes=[_mark_box(axes, mark) for mark in marks],
        labels=[*_mark_labels(axes, marks), *_y_labels(axes, unit), *_x_labels(axes, x)],
        grid=[_level(axes, level) for level in axes.levels()],
        curves=[Curve(line.name, axes.path(line), f"line line-{at % _STYLES}") for at, line in enumerate(usable)],
        limit=_level(axes, limit) if limit is not None and axes.contains(limit) else None,
        columns=[f"At ({x})", *(f"{line.name} ({unit})" for line in usable)],
        rows=_table_rows(usable),
    )


def bar_chart(name: str, caption: str, rows: Mapping[str, Sequence[Mark]], begin: float, end: float) -> BarChart:
    """Return bars on a common time axis from begin to end (seconds), one row for each name."""
    height = _ROW * len(rows) + _BOTTOM
    axes = _Axes(begin, end if end > begin else begin + 1, [0.0, 1.0], None, height, logarithmic=False)
    boxes, labels = [], []
    for place, (row, marks) in enumerate(rows.items()):
        top = _ROW * place + 4
        boxes.append(Box(str(_LEFT), str(top), str(WIDTH - _LEFT - _RIGHT), "16", "calm"))
        labels.append(Label(row, str(_LEFT - 6), str(top + 12), "tick end"))
        for mark in marks:
            left, right = axes.x(mark.begin), axes.x(mark.end)
            boxes.append(Box(_short(left), str(top), _short(max(1.5, right - left)), "16", "outage"))
    return BarChart(name, caption, height, boxes, [*labels, *_x_labels(axes, "s")])


class _Axes:
    """The scale from values to coordinates."""

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
        """Return the x coordinate of a value, within the chart."""
        span = WIDTH - _LEFT - _RIGHT
        return _LEFT + span * min(max((value - self.first) / (self.last - self.first), 0.0), 1.0)

    def y(self, value: float | None) -> float:
        """Return the y coordinate of a value, within the chart."""
        if self.logarithmic:
            at = math.log10(max(value or 0.0, self.low) / self.low) / math.log10(self.high / self.low)
        else:
            at = (value or 0.0) / self.high
        return _TOP + (self.height - _TOP - _BOTTOM) * (1 - min(max(at, 0.0), 1.0))

    def contains(self, limit: float) -> bool:
        """Return True if the limit is within the y axis."""
        return _is_number(limit) and self.low <= limit <= self.high

    def path(self, line: Line) -> str:
        """Return the line as SVG path data."""
        pieces, pen = [], "M"
        for at, value in line.points:
            if not _is_number(value):
                pen = "M"
                continue
            pieces.append(f"{pen}{_short(self.x(at))} {_short(self.y(value))}")
            # A single point would be invisible.
            pieces.append("h1.5" if pen == "M" else "")
            pen = "L"
        return "".join(pieces)

    def levels(self) -> Iterable[float]:
        """Return the values of the horizontal grid lines."""
        if not self.logarithmic:
            return [self.high * step / _TICKS for step in range(_TICKS + 1)]
        return [self.low * 10**power for power in range(round(math.log10(self.high / self.low)) + 1)]


def _level(axes: _Axes, value: float) -> str:
    return f"M{_LEFT} {_short(axes.y(value))}H{WIDTH - _RIGHT}"


def _y_labels(axes: _Axes, unit: str) -> list[Label]:
    return [
        Label(f"{_tick(level)} {unit}", str(_LEFT - 6), _short(axes.y(level) + 4), "tick end")
        for level in axes.levels()
    ]


def _x_labels(axes: _Axes, unit: str) -> list[Label]:
    step = _round_up((axes.last - axes.first) / 8)
    first = math.ceil(axes.first / step)
    places = [number * step for number in range(first, math.floor(axes.last / step) + 1)]
    return [
        Label(f"{_tick(place)} {unit}", _short(axes.x(place)), str(axes.height - 8),
              "tick end" if axes.x(place) > WIDTH - _LEFT else "tick middle")
        for place in places
    ]  # fmt: skip


def _mark_box(axes: _Axes, mark: Mark) -> Box:
    left, right = axes.x(mark.begin), axes.x(mark.end)
    height = str(axes.height - _TOP - _BOTTOM)
    return Box(_short(left), str(_TOP), _short(max(1.0, right - left)), height, "mark bad" if mark.bad else "mark")


def _mark_labels(axes: _Axes, marks: Sequence[Mark]) -> list[Label]:
    """Return the names of the marks that are not bad. Names with the same begin are written below each other."""
    labels = []
    named = Counter[str]()
    for mark in marks:
        if not mark.bad:
            x = _short(axes.x(mark.begin) + 4)
            labels.append(Label(mark.name, x, str(_TOP + 12 + _TEXT * named[x]), "tick"))
            named[x] += 1
    return labels


def _table_rows(lines: Sequence[Line]) -> list[TableRow]:
    by_x: dict[float, dict[int, float | None]] = {}
    for number, line in enumerate(lines):
        for x, value in line.points:
            by_x.setdefault(x, {})[number] = value
    return [
        TableRow(Figure(f"{x:g}", x), [figure(values.get(number)) for number in range(len(lines))])
        for x, values in sorted(by_x.items())
    ]


def _round_up(value: float) -> float:
    """Return the next of 1, 2, 2.5 or 5 times a power of ten."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(power * step for step in (1, 2, 2.5, 5, 10) if power * step >= value * (1 - 1e-9))


def _tick(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _short(value: float) -> str:
    """Return a coordinate with one decimal place."""
    return f"{value:.1f}"


def _is_number(value: Any) -> bool:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and math.isfinite(value) and abs(value) < 1e15

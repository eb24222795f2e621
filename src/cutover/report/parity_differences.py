"""The differences on the parity page: undeclared ones in full, by operation and class; accepted and noise in rows.

Not for deciding which is which: each difference says so itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from cutover.report.html.markup import Content, Html, element
from cutover.report.html.tables import (
    NOT_GIVEN,
    Cell,
    Tone,
    any_text,
    code,
    command,
    facts,
    figure,
    folded,
    headings,
    notice,
    share,
    table,
    told,
)
from cutover.report.run_data import inner, order_by, rows, whole, word, words

SHOWN_IN_FULL: Final = 100
"""Undeclared differences with samples and commands; the table above them names the others too."""

EXPIRES_SOON_DAYS: Final = 14
"""Fewer days left than this is a warning: two weeks to mend it or to accept it anew."""

_SAMPLES: Final = 5
_STEPS: Final = 40
_JOURNEYS: Final = 12


@dataclass(frozen=True)
class Sides:
    """What the two compared systems are called on the page."""

    baseline: str
    candidate: str

    @property
    def columns(self) -> tuple[str, str]:
        """Headings of the two sides."""
        return f"Baseline ({self.baseline})", f"Candidate ({self.candidate})"

    @property
    def both(self) -> str:
        """Heading of a column that holds both."""
        return f"{self.baseline} → {self.candidate}"


@dataclass(frozen=True)
class Numbered:
    """A difference and its place in the data's list, which names it on the page."""

    place: int
    data: Mapping[str, Any]

    @property
    def anchor(self) -> str:
        """Its id on the page."""
        return f"difference-{self.place}"


def by_decision(differences: Sequence[Mapping[str, Any]]) -> tuple[list[Numbered], list[Numbered], list[Numbered]]:
    """Undeclared, accepted and noise, each sorted. A decision that is none of these stands among the undeclared."""
    numbered = [Numbered(place, data) for place, data in enumerate(differences)]
    numbered.sort(key=lambda n: order_by(n.data.get("operation"), n.data.get("kind"), -_count(n), n.data.get("path")))
    accepted = [n for n in numbered if n.data.get("decision") == "accepted"]
    noise = [n for n in numbered if n.data.get("decision") == "noise"]
    return [n for n in numbered if n.data.get("decision") not in ("accepted", "noise")], accepted, noise


def undeclared(differences: Sequence[Numbered], sides: Sides) -> Html:
    """A table of all of them, then each in full under its operation and class."""
    full = _in_full(differences)
    left_out = len(differences) - len(full)
    columns = headings(
        "Operation",
        "Class",
        "Path",
        *sides.columns,
        "Responses",
        "Of",
        "Share",
        "Journeys",
        figures={"Responses", "Of", "Share"},
    )
    overview = table(
        "undeclared-differences",
        "Differences without a declaration",
        columns,
        (_overview(each, linked=each.place in full) for each in differences),
        nothing="The data contain no undeclared difference.",
    )
    groups = groupby((n for n in differences if n.place in full), key=lambda n: (_operation(n), word(n.data, "kind")))
    return Html(
        overview,
        [
            [element("h3", code(operation), " · ", kind), [_card(difference, sides) for difference in members]]
            for (operation, kind), members in groups
        ],
        notice(Tone.WARN, f"{left_out:,} more are not shown in full. The table above and the run's data contain them.")
        if left_out
        else None,
    )


def accepted(differences: Sequence[Numbered], sides: Sides) -> Html:
    """Folded: what was accepted, by whom, why and how long."""
    columns = headings(
        "Operation",
        "Class",
        "Path",
        sides.both,
        "Responses",
        "Share",
        "Days left",
        "Owner",
        "Reason",
        "Line",
        figures={"Responses", "Share", "Days left", "Line"},
    )
    return folded(
        f"Accepted differences ({len(differences):,})",
        table(
            "accepted-differences",
            "Differences accepted in contracts/accepted_differences.toml",
            columns,
            (_accepted_row(each) for each in differences),
            nothing="No accepted difference was seen.",
        ),
    )


def noise(differences: Sequence[Numbered], sides: Sides) -> Html:
    """Folded: what differs between two runs of one system as well."""
    columns = headings("Operation", "Class", "Path", sides.both, "Responses", "Share", figures={"Responses", "Share"})
    return folded(
        f"Noise ({len(differences):,})",
        table(
            "noise-differences",
            "Differences declared as noise in contracts/noise.toml",
            columns,
            (
                [*_key(each), both_sides(each.data), figure(each.data.get("count")), _share(each)]
                for each in differences
            ),
            nothing="No declared noise was seen.",
        ),
    )


def days_left(data: Mapping[str, Any]) -> Cell:
    """Days until an acceptance ends, marked when they are few or none."""
    days = data.get("days_left")
    if isinstance(days, bool) or not isinstance(days, (int, float)):
        return Cell(any_text(days))
    if days < 0:
        return Cell(["expired ", figure(-days).content, " days ago"], order=figure(days).order, tone=Tone.BAD)
    return figure(days, tone=Tone.WARN if days < EXPIRES_SOON_DAYS else Tone.PLAIN)


def expires_soon(data: Mapping[str, Any]) -> bool:
    """Whether the days left of an acceptance are few, as `days_left` marks them."""
    return days_left(data).tone is Tone.WARN


def path_of(data: Mapping[str, Any]) -> Html:
    """Where in the answer: a JSON Pointer; none is the whole answer. With the case, where there is one."""
    path, case = data.get("path"), data.get("case")
    where = code(any_text(path)) if path != "" else Html("the whole response")
    return Html(where, [" when ", code(any_text(case))] if case else None)


def both_sides(data: Mapping[str, Any]) -> Html:
    """What the baseline shows and what the candidate shows instead."""
    return Html(_joined(_sides(data), " → "))


def _in_full(differences: Sequence[Numbered]) -> set[int]:
    # The first of each operation and class before the second of any: a thousand differences in one
    # operation must not push another operation's only one off the page.
    seen: dict[tuple[str, str], int] = {}
    ranked: list[tuple[int, int, int]] = []
    for difference in differences:
        group = (_operation(difference), word(difference.data, "kind"))
        seen[group] = seen.get(group, 0) + 1
        ranked.append((seen[group], len(ranked), difference.place))
    return {place for _, _, place in sorted(ranked)[:SHOWN_IN_FULL]}


def _card(difference: Numbered, sides: Sides) -> Html:
    data, anchor = difference.data, difference.anchor
    decision = data.get("decision")
    return element(
        "article",
        element("h4", path_of(data), ": ", both_sides(data), id=f"{anchor}-title"),
        None
        if decision == "undeclared"
        else notice(
            Tone.BAD, "The decision in the data is ", code(any_text(decision)), ", which is not a known decision."
        ),
        element(
            "div",
            facts(
                [
                    ("Seen in", _seen(data)),
                    ("Journeys", _names(words(data, "journeys"))),
                ]
            ),
            class_="facts",
        ),
        _samples(f"{anchor}-samples", rows(data, "samples") or [], sides),
        _reproduction(inner(data, "reproduction"), sides),
        id=anchor,
        aria_labelledby=f"{anchor}-title",
    )


def _seen(data: Mapping[str, Any]) -> Content:
    count, of = figure(data.get("count")), figure(data.get("of"))
    return [
        count.content,
        " of ",
        of.content,
        " responses compared (",
        share(data.get("count"), data.get("of")).content,
        ")",
    ]


def _samples(name: str, samples: Sequence[Mapping[str, Any]], sides: Sides) -> Html:
    left, right = sides.columns
    columns = headings("Journey and step", left, right, "First difference at", "Requests")
    return table(
        name,
        "Samples, both sides",
        columns,
        (
            [
                Html(code(word(sample, "journey")), ", step ", word(sample, "step")),
                code(word(sample, "baseline")),
                code(word(sample, "candidate")),
                word(sample, "parts_at"),
                _requests(inner(sample, "requests") or {}),
            ]
            for sample in samples
        ),
        nothing="The data contain no sample.",
        most=_SAMPLES,
        sortable=False,
    )


def _requests(requests: Mapping[str, Any]) -> Content:
    return _joined(
        [[str(system), " ", code(any_text(request))] for system, request in list(requests.items())[:4]], ", "
    )


def _reproduction(reproduction: Mapping[str, Any] | None, sides: Sides) -> Html:
    if reproduction is None:
        return element("p", "The data contain no shortest steps.", class_="nothing")
    steps = words(reproduction, "steps")
    # In a run of legacy against itself both sides have one name, and so one command.
    systems = dict.fromkeys((sides.baseline, sides.candidate, "legacy", "worker"))
    given = [system for system in systems if isinstance(reproduction.get(system), str)]
    return Html(
        element("p", element("strong", "Shortest steps"), f", found in {word(reproduction, 'tried')} tries:"),
        element("ol", [element("li", code(step)) for step in steps[:_STEPS]]),
        element("p", f"… and {len(steps) - _STEPS:,} more steps.", class_="note") if len(steps) > _STEPS else None,
        element(
            "div",
            [
                element("div", element("strong", f"On {system}"), command(system, str(reproduction[system])))
                for system in given
            ],
            class_="commands",
        )
        if given
        else element("p", "The data contain no command.", class_="nothing"),
    )


def _overview(difference: Numbered, *, linked: bool) -> Sequence[Cell | Content]:
    data = difference.data
    operation, kind, path = _key(difference)
    return [
        operation,
        kind,
        element("a", path, href=f"#{difference.anchor}") if linked else path,
        *_sides(data),
        figure(data.get("count")),
        figure(data.get("of")),
        _share(difference),
        _names(words(data, "journeys")),
    ]


def _accepted_row(difference: Numbered) -> Sequence[Cell | Content]:
    data = difference.data
    shown: list[Cell | Content] = [*_key(difference), both_sides(data), figure(data.get("count")), _share(difference)]
    acceptance = inner(data, "acceptance")
    if acceptance is None:
        return [*shown, NOT_GIVEN, NOT_GIVEN, told(Tone.BAD, "no declaration in the data"), NOT_GIVEN]
    reason, owner = word(acceptance, "reason"), word(acceptance, "owner")
    return [*shown, days_left(acceptance), owner, reason, figure(acceptance.get("line"))]


def _key(difference: Numbered) -> tuple[Html, str, Html]:
    return code(_operation(difference)), word(difference.data, "kind"), path_of(difference.data)


def _sides(data: Mapping[str, Any]) -> tuple[Html, Html]:
    return code(word(data, "baseline")), code(word(data, "candidate"))


def _share(difference: Numbered) -> Cell:
    return share(difference.data.get("count"), difference.data.get("of"))


def _names(names: Sequence[str]) -> Content:
    more = f" and {len(names) - _JOURNEYS:,} more" if len(names) > _JOURNEYS else None
    return [_joined([code(name) for name in names[:_JOURNEYS]], ", "), more] if names else NOT_GIVEN


def _joined(pieces: Iterable[Content], between: str) -> list[Content]:
    joined: list[Content] = []
    for piece in pieces:
        joined += [between, piece] if joined else [piece]
    return joined


def _operation(difference: Numbered) -> str:
    return word(difference.data, "operation")


def _count(difference: Numbered) -> int:
    return whole(difference.data, "count") or 0

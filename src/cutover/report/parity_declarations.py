"""Acceptances, declared noise and proposals on the parity page; those that are wrong stand apart, as errors.

Not for judging a declaration: its state is in the data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from cutover.report.html.markup import Content, Html
from cutover.report.html.tables import NOT_GIVEN, Cell, Tone, code, figure, folded, headings, share, table, told
from cutover.report.parity_differences import both_sides, days_left, path_of
from cutover.report.run_data import order_by, word, words

ACCEPTANCES: Final = "contracts/accepted_differences.toml"
NOISE: Final = "contracts/noise.toml"

_FINE: Final = {"seen": Tone.GOOD, "not exercised": Tone.WARN}
_EVIDENCE: Final = 5


def in_error(declarations: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Stale, too broad, expired, and whatever state is not known to be right."""
    return [declaration for declaration in declarations if word(declaration, "state") not in _FINE]


def errors(acceptances: Sequence[Mapping[str, Any]], noise: Sequence[Mapping[str, Any]]) -> Html:
    """The declarations that are wrong, with what to look at."""
    columns = headings(
        "Where",
        "State",
        "Problem",
        "Operations",
        "Path",
        "Class",
        "Seen",
        "Owner",
        "Days left",
        figures={"Seen", "Days left"},
    )
    wrong = [(ACCEPTANCES, each) for each in in_error(acceptances)] + [(NOISE, each) for each in in_error(noise)]
    return table(
        "declaration-errors",
        "Declarations that are stale, too broad or expired",
        columns,
        (
            [
                code(f"{file}:{word(each, 'line')}"),
                told(Tone.BAD, word(each, "state")),
                word(each, "detail"),
                _operations(each),
                path_of(each),
                word(each, "kind"),
                figure(each.get("seen")),
                word(each, "owner"),
                days_left(each),
            ]
            for file, each in wrong
        ),
        nothing="No declaration is stale, too broad or expired.",
    )


def declared(name: str, file: str, declarations: Sequence[Mapping[str, Any]]) -> Html:
    """Folded: every line of one file with its state. name: the table's id."""
    columns = headings(
        "Line",
        "State",
        "Days left",
        "Operations",
        "Path",
        "Class",
        "Baseline → candidate",
        "Seen",
        "Owner",
        "Reason",
        "Expires",
        "Detail",
        figures={"Line", "Seen", "Days left"},
    )
    ordered = sorted(declarations, key=lambda each: order_by(each.get("line")))
    return folded(
        [f"All declarations in {file} ({len(ordered):,})"],
        table(
            name,
            f"Declared in {file}",
            columns,
            (_row(each) for each in ordered),
            nothing=f"Nothing is declared in {file}.",
        ),
    )


def proposals(proposed: Sequence[Mapping[str, Any]]) -> Html:
    """What a run of legacy against itself suggests as noise. Nothing of it is applied."""
    columns = headings(
        "Operation", "Class", "Path", "Differed", "Of", "Share", "Evidence", figures={"Differed", "Of", "Share"}
    )
    return table(
        "noise-proposals",
        "Proposed noise. It is not applied.",
        columns,
        (
            [
                code(word(each, "operation")),
                word(each, "kind"),
                path_of(each),
                figure(each.get("differed")),
                figure(each.get("of")),
                share(each.get("differed"), each.get("of")),
                _evidence(words(each, "evidence")),
            ]
            for each in proposed
        ),
        nothing="Nothing is proposed.",
    )


def _row(each: Mapping[str, Any]) -> Sequence[Cell | Content]:
    state = word(each, "state")
    return [
        figure(each.get("line")),
        told(_FINE.get(state, Tone.BAD), state),
        days_left(each),
        _operations(each),
        path_of(each),
        word(each, "kind"),
        both_sides(each),
        figure(each.get("seen")),
        word(each, "owner"),
        word(each, "reason"),
        word(each, "expires"),
        word(each, "detail"),
    ]


def _operations(each: Mapping[str, Any]) -> Content:
    return ", ".join(words(each, "operations")) or NOT_GIVEN


def _evidence(lines: Sequence[str]) -> Content:
    more = f"and {len(lines) - _EVIDENCE:,} more" if len(lines) > _EVIDENCE else None
    return [[[code(line), " "] for line in lines[:_EVIDENCE]], more]

"""reports/RUN/parity.html: what a parity run found, for a reviewer. The verdict, then what is wrong, then the rest.

Not for finding differences or judging them: everything stands in the run's data, parity.json.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from cutover.report.html.markup import Content, Html, element
from cutover.report.html.shell import Banner, Headline, Section, page
from cutover.report.html.tables import (
    Tone,
    any_text,
    code,
    facts,
    figure,
    headings,
    moment,
    notice,
    table,
    told,
)
from cutover.report.parity_coverage import coverage_section, not_shown
from cutover.report.parity_declarations import ACCEPTANCES, NOISE, declared, errors, in_error, proposals
from cutover.report.parity_differences import Numbered, Sides, accepted, by_decision, expires_soon, noise, undeclared
from cutover.report.parity_runs import earlier_runs, runs_section
from cutover.report.run_data import inner, rows, unreadable, whole, word, words, wrong_schema

__all__ = ["earlier_runs", "parity_page"]

SCHEMA: Final = 1

_LISTS: Final = ("coverage", "not_exercised", "differences", "acceptances", "noise", "proposals", "journeys")
_TOTALS: Final = {
    "journeys": "Journeys", "steps": "Steps", "requests": "Requests", "answers_compared": "Responses compared",
    "answers_equal": "Responses equal", "differences": "Differences", "undeclared": "Undeclared",
    "accepted": "Accepted", "noise": "Noise",
}  # fmt: skip
_LINES_LIMIT: Final = 200


def parity_page(data: Mapping[str, Any], earlier: Sequence[Mapping[str, Any]]) -> str:
    """The page of one run.

    data: parity.json, schema 1; earlier: what `earlier_runs` gave. Raises ValueError for another schema: a page
    that guesses at data it does not know could leave out what is wrong.
    """
    if data.get("schema") != SCHEMA:
        raise ValueError(wrong_schema("parity.json", SCHEMA, data))
    sides = Sides(word(data, "baseline"), word(data, "candidate"))
    found, taken, known = by_decision(rows(data, "differences") or [])
    acceptances, declared_noise = rows(data, "acceptances") or [], rows(data, "noise") or []
    coverage, journeys = rows(data, "coverage") or [], rows(data, "journeys") or []
    wrong, missing = in_error([*acceptances, *declared_noise]), not_shown(coverage)
    failed = [journey for journey in journeys if journey.get("status") != "passed"]
    leftovers, unseen = words(data, "leftovers"), words(data, "could_not_detect")
    soon = [each for each in acceptances if expires_soon(each)]
    proposed = rows(data, "proposals") or []
    told_of = {key for key in _LISTS if rows(data, key) is not None} | ({"leftovers"} & set(data))
    headlines = [
        _headline(label, len(entries), anchor, tone if needed <= told_of else None)
        for label, entries, anchor, tone, needed in (
            (("undeclared difference", "undeclared differences"), found, "differences", Tone.BAD, {"differences"}),
            (("declaration in error", "declarations in error"), wrong, "errors", Tone.BAD, {"acceptances", "noise"}),
            (("required but not seen",) * 2, missing, "coverage", Tone.BAD, {"coverage"}),
            (("journey that did not pass", "journeys that did not pass"), failed, "journeys", Tone.BAD, {"journeys"}),
            (
                ("accepted difference that expires soon", "accepted differences that expire soon"),
                soon,
                "accepted",
                Tone.WARN,
                {"acceptances"},
            ),
            (("item left over", "items left over"), leftovers, "leftovers", Tone.WARN, {"leftovers"}),
        )
    ]
    banner = Banner(
        verdict=word(data, "verdict"),
        exit_code=data.get("exit_code"),
        subject=f"parity of {sides.candidate} with {sides.baseline} on {word(data, 'environment')}",
        reasons=words(data, "reasons"),
        headlines=headlines,
        notices=list(_notices(data, found)),
        about=_about(data),
    )
    sections = [
        Section("totals", "Totals", _totals(inner(data, "totals"))),
        Section("differences", "Undeclared differences", undeclared(found, sides), len(found), _tone(found)),
        Section("errors", "Declarations in error", errors(acceptances, declared_noise), len(wrong), _tone(wrong)),
        Section(
            "coverage",
            "Coverage",
            coverage_section(coverage, rows(data, "not_exercised")),
            len(missing) or None,
            _tone(missing),
        ),
        Section("journeys", "Journeys", _journeys(journeys), len(failed) or None, _tone(failed)),
        Section(
            "accepted",
            "Accepted differences",
            [accepted(taken, sides), declared("acceptances", ACCEPTANCES, acceptances)],
            len(taken),
        ),
        Section("noise", "Noise", [noise(known, sides), declared("noise-lines", NOISE, declared_noise)], len(known)),
        Section("proposals", "Proposed noise", proposals(proposed), len(proposed)),
        Section("unseen", "Could not detect", _lines(unseen, "The data list nothing."), len(unseen)),
        Section(
            "leftovers", "Left over", _lines(leftovers, "Nothing was left over."), len(leftovers), _tone(leftovers)
        ),
        Section("history", "Runs", runs_section(data, earlier)),
    ]
    footer = element("p", "Rendered from ", code("parity.json"), f", schema {SCHEMA}. This page computes no result.")
    return page(f"Parity, {word(data, 'environment')}, run {word(data, 'run')}", banner, sections, footer)


def _notices(data: Mapping[str, Any], found: Sequence[Numbered]) -> Iterable[Html]:
    if data.get("planted"):
        yield notice(Tone.WARN, "A fault was planted on purpose: ", code(word(data, "planted")))
    if data.get("show_values") is not False:
        yield notice(Tone.WARN, "Values of users' data are not masked on this page (--show-values).")
    for key in _LISTS:
        if rows(data, key) is None:
            yield notice(
                Tone.BAD, "The data contain no list ", code(key), ". An empty table about it below proves nothing."
            )
        elif count := unreadable(data, key):
            yield notice(Tone.BAD, f"{count:,} entries of ", code(key), " cannot be read and are not shown.")
    counted = whole(inner(data, "totals") or {}, "undeclared")
    if counted is None or bool(counted) != bool(found):
        # One of the two is wrong, and a reader of only one of them would be misled.
        number = "no number of" if counted is None else f"{counted:,}"
        yield notice(Tone.BAD, f"The totals state {number} undeclared differences, the list contains {len(found):,}.")


def _about(data: Mapping[str, Any]) -> Html:
    urls, versions = inner(data, "urls") or {}, inner(data, "versions") or {}
    systems = dict.fromkeys([*list(urls)[:4], *list(versions)[:4]])
    pairs: list[tuple[str, Content]] = [
        ("Run", code(word(data, "run"))),
        ("Started", moment(data.get("started")).content),
        ("Duration", figure(data.get("duration_s"), "s").content),
    ]
    for system in systems:
        version = f", version {', '.join(words(versions, system)) or 'not reported'}"
        pairs.append((any_text(system), [code(word(urls, system)), version]))
    return facts(pairs)


def _totals(totals: Mapping[str, Any] | None) -> Html:
    if totals is None:
        return notice(Tone.BAD, "The data contain no totals.")
    names = {**_TOTALS, **{key: key for key in list(totals)[:20] if key not in _TOTALS}}
    return element("div", facts((name, figure(totals.get(key)).content) for key, name in names.items()), class_="facts")


def _journeys(journeys: Sequence[Mapping[str, Any]]) -> Html:
    columns = headings(
        "Journey",
        "Status",
        "Story",
        "Steps",
        "Differences",
        "Undeclared",
        "Check",
        figures={"Steps", "Differences", "Undeclared"},
    )
    # Those that did not pass first, then those with undeclared differences, else as they were run.
    ordered = sorted(journeys, key=lambda each: (each.get("status") == "passed", not each.get("undeclared")))
    return table(
        "journey-list",
        "Journeys, those that did not pass first",
        columns,
        (
            [
                code(word(each, "name")),
                told(Tone.GOOD if each.get("status") == "passed" else Tone.BAD, word(each, "status")),
                word(each, "story"),
                figure(each.get("steps")),
                figure(each.get("differences")),
                figure(each.get("undeclared"), tone=Tone.BAD if each.get("undeclared") else Tone.PLAIN),
                code(word(each, "check")),
            ]
            for each in ordered
        ),
        nothing="The data contain no journey: nothing was compared.",
    )


def _lines(lines: Sequence[str], nothing: str) -> Content:
    if not lines:
        return element("p", nothing, class_="nothing")
    left_out = len(lines) - _LINES_LIMIT
    return [
        element("ul", [element("li", line) for line in lines[:_LINES_LIMIT]]),
        notice(Tone.WARN, f"{left_out:,} more are not shown. The run's data contain them.") if left_out > 0 else None,
    ]


def _headline(labels: tuple[str, str], count: int, anchor: str, tone: Tone | None) -> Headline:
    """tone: how a count above zero is to be taken; None when the data do not tell, which is no zero."""
    if tone is None:
        return Headline("?", labels[1], Tone.BAD, anchor)
    return Headline(count, labels[count != 1], tone if count else Tone.GOOD, anchor)


def _tone(entries: Sequence[object]) -> Tone:
    return Tone.BAD if entries else Tone.PLAIN

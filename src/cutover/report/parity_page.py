"""reports/RUN/parity.html: the result of a parity run for a reviewer, from parity.json."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from cutover.report.html.figures import Tone, any_text
from cutover.report.html.layout import Banner, Headline, Section
from cutover.report.parity_coverage import coverage_matrix, not_seen
from cutover.report.parity_declarations import errors_in, ordered_by_line, state_tone
from cutover.report.parity_differences import (
    Numbered,
    Sides,
    by_decision,
    commands,
    days_left,
    expires_soon,
    grouped,
    sample_requests,
    shown_in_full,
)
from cutover.report.parity_runs import earlier_runs, runs_table
from cutover.report.run_data import inner, rows, unreadable, whole, word, words, wrong_schema

__all__ = ["earlier_runs", "parity_page"]

SCHEMA: Final = 1
ACCEPTED_FILE: Final = "contracts/accepted_differences.toml"
NOISE_FILE: Final = "contracts/noise.toml"

_LISTS: Final = ("coverage", "not_exercised", "differences", "acceptances", "noise", "proposals", "journeys")
_TOTALS: Final = {
    "journeys": "Journeys", "steps": "Steps", "requests": "Requests", "answers_compared": "Responses compared",
    "answers_equal": "Responses equal", "differences": "Differences", "undeclared": "Undeclared",
    "accepted": "Accepted", "noise": "Noise",
}  # fmt: skip
_EXPIRE_SOON: Final = ("accepted difference that expires soon", "accepted differences that expire soon")


def parity_page(data: Mapping[str, Any], earlier: Sequence[Mapping[str, Any]]) -> str:
    """Return the page of one run.

    data: parity.json, schema 1; earlier: the result of `earlier_runs`. Raises ValueError for another schema: a page
    of data that it does not know could leave out a problem.
    """
    from cutover.report.html.rendering import render

    if data.get("schema") != SCHEMA:
        raise ValueError(wrong_schema("parity.json", SCHEMA, data))
    sides = Sides(word(data, "baseline"), word(data, "candidate"))
    undeclared, accepted, noise = by_decision(rows(data, "differences") or [])
    acceptances, noise_lines = rows(data, "acceptances") or [], rows(data, "noise") or []
    errors = [*errors_in(ACCEPTED_FILE, acceptances), *errors_in(NOISE_FILE, noise_lines)]
    coverage, journeys, proposals = (rows(data, key) or [] for key in ("coverage", "journeys", "proposals"))
    missing = not_seen(coverage)
    failed = [journey for journey in journeys if journey.get("status") != "passed"]
    leftovers, could_not_detect = words(data, "leftovers"), words(data, "could_not_detect")
    totals = inner(data, "totals")
    banner = Banner(
        verdict=word(data, "verdict"),
        exit_code=data.get("exit_code"),
        subject=f"parity of {sides.candidate} with {sides.baseline} on {word(data, 'environment')}",
        reasons=words(data, "reasons"),
        headlines=[
            _headline(data, anchor, tone, labels, len(entries), needed)
            for anchor, tone, labels, entries, *needed in (
                (
                    "differences",
                    Tone.BAD,
                    ("undeclared difference", "undeclared differences"),
                    undeclared,
                    "differences",
                ),
                ("errors", Tone.BAD, ("declaration in error", "declarations in error"), errors, "acceptances", "noise"),
                ("coverage", Tone.BAD, ("required but not seen",) * 2, missing, "coverage"),
                ("journeys", Tone.BAD, ("journey that did not pass", "journeys that did not pass"), failed, "journeys"),
                ("accepted", Tone.WARN, _EXPIRE_SOON, [*filter(expires_soon, acceptances)], "acceptances"),
                ("leftovers", Tone.WARN, ("item left over", "items left over"), leftovers, "leftovers"),
            )
        ],
    )
    sections = {
        "totals": Section("Totals"),
        "differences": Section("Undeclared differences", len(undeclared), _tone(undeclared)),
        "errors": Section("Declarations in error", len(errors), _tone(errors)),
        "coverage": Section("Coverage", len(missing) or None, _tone(missing)),
        "journeys": Section("Journeys", len(failed) or None, _tone(failed)),
        "accepted": Section("Accepted differences", len(accepted)),
        "noise": Section("Noise", len(noise)),
        "proposals": Section("Proposed noise", len(proposals)),
        "unseen": Section("Could not detect", len(could_not_detect)),
        "leftovers": Section("Left over", len(leftovers), _tone(leftovers)),
        "history": Section("Runs"),
    }
    full = shown_in_full(undeclared)
    return render(
        "parity.html",
        f"Parity, {word(data, 'environment')}, run {word(data, 'run')}",
        banner,
        sections,
        data=data,
        schema=SCHEMA,
        sides=sides,
        missing_lists=[key for key in _LISTS if rows(data, key) is None],
        unreadable={key: count for key in _LISTS if (count := unreadable(data, key))},
        contradiction=_contradiction(totals, undeclared),
        systems=list(_systems(data)),
        totals=None if totals is None else _named_totals(totals),
        causes=rows(data, "causes") or [],
        undeclared=undeclared,
        full={difference.place for difference in full},
        groups=grouped(full),
        accepted=accepted,
        noise=noise,
        errors=errors,
        declarations={
            ACCEPTED_FILE: ordered_by_line(acceptances),
            NOISE_FILE: ordered_by_line(noise_lines),
        },
        files={"accepted": ACCEPTED_FILE, "noise": NOISE_FILE},
        coverage=coverage,
        not_seen=missing,
        matrix=coverage_matrix(coverage),
        not_exercised=rows(data, "not_exercised"),
        # Journeys that did not pass first, then those with undeclared differences, then in the order of the run.
        ordered_journeys=sorted(
            journeys, key=lambda each: (each.get("status") == "passed", not each.get("undeclared"))
        ),
        proposals=proposals,
        could_not_detect=could_not_detect,
        leftovers=leftovers,
        runs=runs_table(data, earlier),
        commands=commands,
        days_left=days_left,
        sample_requests=sample_requests,
        state_tone=state_tone,
    )


def _headline(
    data: Mapping[str, Any], anchor: str, tone: Tone, labels: tuple[str, str], count: int, needed: Iterable[str]
) -> Headline:
    """Return a headline, with "?" as its number if the data do not contain every list that is needed to count.

    labels: singular and plural; tone: that of a count above zero; needed: keys of the lists.
    """
    if not all(key in data if key == "leftovers" else rows(data, key) is not None for key in needed):
        return Headline("?", labels[1], Tone.BAD, anchor)
    return Headline(count, labels[count != 1], tone if count else Tone.GOOD, anchor)


def _contradiction(totals: Mapping[str, Any] | None, undeclared: Sequence[Numbered]) -> str | None:
    """Return the count of undeclared differences in the totals if it contradicts the list, else None."""
    counted = whole(totals or {}, "undeclared")
    if counted is None:
        return "no number of"
    return f"{counted:,}" if bool(counted) != bool(undeclared) else None


def _systems(data: Mapping[str, Any]) -> Iterable[tuple[str, str, str]]:
    """Yield the name, the URL and the versions of each system."""
    urls, versions = inner(data, "urls") or {}, inner(data, "versions") or {}
    for system in dict.fromkeys([*list(urls)[:4], *list(versions)[:4]]):
        yield any_text(system), word(urls, system), ", ".join(words(versions, system)) or "not reported"


def _named_totals(totals: Mapping[str, Any]) -> list[tuple[str, Any]]:
    names = {**_TOTALS, **{key: key for key in list(totals)[:20] if key not in _TOTALS}}
    return [(name, totals.get(key)) for key, name in names.items()]


def _tone(entries: Sequence[object]) -> Tone:
    return Tone.BAD if entries else Tone.PLAIN

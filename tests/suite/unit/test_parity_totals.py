"""Tests of totals and of shortening."""

import copy
import dataclasses
import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cutover.parity.accepted_differences import AcceptedDifferences
from cutover.parity.differences import Difference, Kind
from cutover.parity.played import PlayedJourney, PlayedStep
from cutover.parity.shortening import shorten
from cutover.parity.steps import Journey, Ref, Step
from cutover.parity.totals import ParityTotals

pytestmark = pytest.mark.unit

differences = st.builds(
    Difference,
    st.sampled_from(["user", "login"]),
    st.sampled_from(["/a", "status"]),
    st.sampled_from(Kind),
    st.sampled_from(["1", "2"]),
    st.just("3"),
    st.sampled_from(["", "case"]),
    st.dictionaries(st.sampled_from(["baseline", "candidate", "parts_at"]), st.text(max_size=2)),
)
answers = st.builds(
    PlayedStep,
    st.builds(Step, st.sampled_from(["user", "login"]), case=st.sampled_from(["", "case"])),
    st.tuples(st.sampled_from([200, 401, None]), st.sampled_from([200, 500])),
    st.just(("r1", "r2")),
    st.lists(differences, max_size=3).map(tuple),
    st.sampled_from(["owner", "anonymous"]),
    st.just(0.0),
)


def played(number: int, found: list[PlayedStep], state: list[Difference] | None) -> PlayedJourney:
    journey = Journey(f"journey {number}", "story", ("ann",), tuple(answer.step for answer in found))
    return PlayedJourney(journey, found, state=state)


runs = st.lists(
    st.tuples(st.lists(answers, max_size=4), st.none() | st.lists(differences, max_size=2)), max_size=6
).map(lambda rows: [played(number, *row) for number, row in enumerate(rows)])


def tally_of(journeys: list[PlayedJourney]) -> ParityTotals:
    totals = ParityTotals()
    for journey in journeys:
        totals.add(journey, AcceptedDifferences(()), "check")
    return totals


def plain(totals: ParityTotals) -> Any:
    """Return the totals as plain data in a fixed order."""
    data = json.loads(json.dumps(totals.as_json()))
    return {key: sorted(value, key=json.dumps) if isinstance(value, list) else value for key, value in data.items()}


@settings(max_examples=40)
@given(runs, st.randoms(use_true_random=False))
def test_totals_are_equal_in_any_split_and_order(journeys: list[PlayedJourney], chance: random.Random) -> None:
    """For any number of processes, in any order, through JSON."""
    shuffled = chance.sample(journeys, len(journeys))
    parts: list[list[PlayedJourney]] = [[], [], []]
    for journey in shuffled:
        chance.choice(parts).append(journey)
    merged = ParityTotals()
    for part in parts:
        merged.merge(ParityTotals.from_json(json.loads(json.dumps(tally_of(part).as_json()))))
    assert plain(merged) == plain(tally_of(journeys))


@settings(max_examples=40)
@given(runs)
def test_totals_count_each_response_and_difference_once(journeys: list[PlayedJourney]) -> None:
    """Compared with counting by hand."""
    totals = tally_of(journeys)
    all_answers = [answer for journey in journeys for answer in journey.steps]
    states = [journey.state for journey in journeys if journey.state is not None]
    assert sum(totals.compared.values()) == len(all_answers) + len(states)
    assert totals.equal == sum(not answer.differences for answer in all_answers)
    total = sum(len(answer.differences) for answer in all_answers) + sum(map(len, states))
    assert sum(seen.count for seen in totals.seen.values()) == total
    assert all(len(seen.samples) == min(5, seen.count) for seen in totals.seen.values())
    assert sum(totals.cells.values()) == sum(None not in answer.statuses for answer in all_answers)


def one() -> dict[str, Any]:
    found = Difference("user", "/a", Kind.VALUE, "1", "2")
    data = tally_of([played(1, [PlayedStep(Step("user"), (200, 200), ("a", "b"), (found,), "owner", 0.0)], None)])
    data.accepted[3, "user", "/a"] = 1
    return json.loads(json.dumps(data.as_json()))


def spots(value: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [way, *(spot for key, held in inner for spot in spots(held, (*way, key)))]


@given(st.sampled_from(spots(one())), st.sampled_from([None, -1, True, 1.5, "x", [], {}, [1], {"a": 1}]))
def test_changed_totals_are_refused_or_keep_differences(way: tuple[Any, ...], value: Any) -> None:
    """Any part replaced gives a ValueError, or totals that still contain the difference."""
    data = one()
    held = data
    for key in way[:-1]:
        held = held[key]
    if way:
        held[way[-1]] = value
    else:
        data = value
    try:
        totals = ParityTotals.from_json(data)
    except ValueError:
        return
    if "line" not in way and way != ("seen",):
        assert [seen.decision for seen in totals.seen.values()] == ["undeclared"]


def test_keys_made_equal_by_masking_stay_undeclared() -> None:
    """Masking may hide the distinction; it accepts nothing."""
    data = one()
    again = copy.deepcopy(data["seen"][0])
    again["line"] = 7
    for order in ([data["seen"][0], again], [again, data["seen"][0]]):
        (seen,) = ParityTotals.from_json({**data, "seen": order}).seen.values()
        assert (seen.decision, seen.count) == ("undeclared", 2)


def test_reproduction_seen_again_is_kept() -> None:
    """It is preferred to the note that it was not; of two, the shorter one."""
    steps: list[list[str]] = [[], ["a", "b"], ["a"], ["b"]]
    for order in (steps, steps[::-1]):
        merged = ParityTotals()
        for found in order:
            data = one()
            data["seen"][0]["reproduction"] = {"steps": found}
            merged.merge(ParityTotals.from_json(data))
        (seen,) = merged.seen.values()
        assert seen.reproduction == {"steps": ["a"]}


# --- shortening -------------------------------------------------------------------------------------------


@st.composite
def journeys(draw: st.DrawFn) -> tuple[Journey, set[str]]:
    """Generate a journey of up to 14 steps, some of which refer to earlier ones, and the names of the steps that
    matter.
    """
    steps: list[Step] = []
    for number in range(draw(st.integers(1, 14))):
        refers = draw(st.lists(st.sampled_from([step.saves for step in steps]), max_size=2)) if steps else []
        steps.append(Step("user", "ann", saves=f"s{number}", path={name: Ref(name, "x") for name in refers}))
    matter = draw(st.sets(st.sampled_from([step.saves for step in steps]), max_size=4))
    return Journey("j", "s", ("ann",), tuple(steps)), matter | {steps[-1].saves}


def closure(journey: Journey, names: set[str]) -> set[str]:
    for step in reversed(journey.steps):
        if step.saves in names:
            names = names | step.needs()
    return names


@given(journeys())
def test_shortest_journey_has_only_needed_steps(drawn: tuple[Journey, set[str]]) -> None:
    """Exactly these steps, in order. Each tried journey can be played."""
    journey, matter = drawn

    def shows(fewer: Journey) -> bool:
        saved: set[str] = set()
        for step in fewer.steps:
            assert step.needs() <= saved, "refers to what is not there"
            saved.add(step.saves)
        assert fewer.steps[-1] == journey.steps[-1]
        return matter <= saved

    found = shorten(journey, shows, tries=10_000, seconds=60)
    wanted = closure(journey, set(matter))
    assert found.complete
    assert found.steps == tuple(step for step in journey.steps if step.saves in wanted)


@given(journeys(), st.integers(0, 12), st.randoms(use_true_random=False))
def test_budget_is_kept_and_interruption_is_incomplete(
    drawn: tuple[Journey, set[str]], tries: int, chance: random.Random
) -> None:
    """Never more tries than allowed; complete only if leaving out each single step was tried."""
    journey, _ = drawn
    shown = 0

    def shows(_: Journey) -> bool:
        nonlocal shown
        shown += 1
        return chance.random() < 0.3

    found = shorten(journey, shows, tries=tries, seconds=60)
    assert shown == found.tried <= tries
    if not tries and len(journey.steps) > 1:
        removable = any(not any(step.saves in later.needs() for later in journey.steps) for step in journey.steps[:-1])
        assert not (found.complete and removable)


def test_budget_that_ends_within_a_round_is_not_complete() -> None:
    """The steps that were not tried may be superfluous."""
    journey = Journey("j", "s", (), tuple(Step("user", saves=f"s{n}") for n in range(3)))
    assert not shorten(journey, lambda _: False, tries=2).complete
    assert shorten(journey, lambda _: False, tries=9).complete
    assert shorten(dataclasses.replace(journey, steps=()), lambda _: True).steps == ()
    assert not shorten(journey, lambda _: True, seconds=-1).complete

"""The ledger: each request is counted once, sums of processes add up exactly, and what is missing is told."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cutover.traffic.ledger import DETAILS_LIMIT, OTHER_DETAILS, LedgerTotals, Outcome
from cutover.traffic.ledger_writer import BATCH, LedgerWriter

pytestmark = pytest.mark.unit
timeless = settings(deadline=None)  # a busy machine is slow, which is not what is tested here

MS = 1_000_000
SECOND = 1_000_000_000

requests = st.lists(
    st.tuples(
        st.sampled_from(["list_files", "download", "upload"]),
        st.sampled_from(["warm-up", "steady"]),
        st.sampled_from(list(Outcome)),
        st.integers(0, 5 * SECOND),
        st.integers(0, 50 * MS),
        st.integers(0, 3 * SECOND),
        st.integers(0, 5000),
        st.sampled_from(["", "status 500"]),
    ),
    max_size=40,
)
Requests = list[tuple[str, str, Outcome, int, int, int, int, str]]


def recorded(recorder: LedgerWriter, rows: Requests) -> None:
    for endpoint, phase, outcome, intended, lag, took, size, detail in rows:
        recorder.schedule(endpoint, phase, recorder.started_ns + intended)
        sent = 0 if outcome is Outcome.UNSENT else recorder.started_ns + intended + lag
        done = 0 if outcome is Outcome.UNSENT else sent + took
        recorder.record(endpoint, phase, outcome, recorder.started_ns + intended, sent, done, size, detail)


def taken(rows: Requests, started_ns: int = 0) -> LedgerTotals:
    recorder = LedgerWriter(started_ns)
    recorded(recorder, rows)
    return recorder.take()


@timeless
@given(requests)
def test_every_request_is_counted_once(rows: Requests) -> None:
    """By endpoint, phase and outcome; what was scheduled is the sum of the outcomes."""
    sums = taken(rows)
    assert not list(sums.unbalanced())
    for (endpoint, phase), cell in sums.cells.items():
        mine = [row for row in rows if row[:2] == (endpoint, phase)]
        assert cell.scheduled == cell.counted == len(mine)
        for outcome in Outcome:
            assert cell.outcomes[outcome] == sum(row[2] is outcome for row in mine)
        sent = [row for row in mine if row[2] is not Outcome.UNSENT]
        assert cell.sent == cell.lag.total == len(sent) == sum(second.sent for second in cell.seconds.values())
        assert cell.size == sum(row[6] for row in sent)
        ok = [row[4] + row[5] for row in mine if row[2] is Outcome.OK]
        assert cell.latency.total == len(ok) == sum(second.latency.total for second in cell.seconds.values())
        assert cell.latency.sum_us == sum((value + 500) // 1000 for value in ok)
        assert sum(second.scheduled for second in cell.seconds.values()) == len(mine)
        assert sum(second.failed for second in cell.seconds.values()) == cell.errors == cell.failed.total
    assert sum(cell.counted for cell in sums.cells.values()) == len(rows) == sums.of().counted


@timeless
@given(requests, requests, st.integers(0, 10**15))
def test_sums_of_processes_add_up_exactly(first: Requests, second: Requests, other_clock: int) -> None:
    """Whatever the order, whatever their clocks, sent as JSON."""
    one = taken(first + second)
    parts = [taken(first), taken(second, other_clock)]
    for order in (parts, parts[::-1]):
        total = LedgerTotals()
        for part in order:
            total.merge(LedgerTotals.from_json(json.loads(json.dumps(part.as_json()))))
        assert total.as_json() == one.as_json()


def test_parts_taken_on_the_way_make_up_the_whole() -> None:
    """A second `take` holds what came since the first, also across the batches that are added up by themselves."""
    rows: Requests = [("user", "steady", Outcome.OK, i * MS, MS, 2 * MS, 10, "") for i in range(3 * BATCH + 7)]
    recorder = LedgerWriter(0)
    recorded(recorder, rows[:100])
    total = recorder.take()
    assert total.of().counted == 100
    recorded(recorder, rows[100:])
    total.merge(recorder.take())
    assert total.as_json() == taken(rows).as_json()
    assert not recorder.take().cells


def test_latency_counts_from_the_intended_time() -> None:
    """A request that was sent 300 ms late and answered in 5 took 305 for whoever asked."""
    cell = taken([("user", "steady", Outcome.OK, SECOND, 300 * MS, 5 * MS, 1, "")]).over_time()
    assert cell.latency.greatest_us == 305_000
    assert cell.service.greatest_us == 5_000
    assert cell.lag.greatest_us == 300_000
    assert cell.seconds[1].lag_us == 300_000


def test_what_has_no_outcome_is_told() -> None:
    """A request that was scheduled and lost, and one that nobody had scheduled."""
    recorder = LedgerWriter(0)
    recorder.schedule("user", "steady", 0)
    recorder.record("login", "steady", Outcome.OK, 0, 0, 1, 0)
    assert list(recorder.take().unbalanced()) == [
        "login in steady: 0 were scheduled, 1 have an outcome",
        "user in steady: 1 were scheduled, 0 have an outcome",
    ]


def test_errors_are_those_of_the_deployment() -> None:
    """A declared refusal, an idle connection's end and what was not sent are none, and no share is taken of them."""
    cell = taken([("user", "steady", outcome, 0, 0, MS, 0, "") for outcome in Outcome]).of()
    assert (cell.errors, cell.judged, cell.sent, cell.counted) == (5, 6, 8, 9)


def test_time_stamps_that_go_backwards_are_counted() -> None:
    """They are no latency below zero."""
    recorder = LedgerWriter(0)
    recorder.schedule("user", "steady", 5 * MS)
    recorder.record("user", "steady", Outcome.OK, 5 * MS, 6 * MS, 4 * MS, 0)
    cell = recorder.take().of()
    assert cell.backwards == 1
    assert cell.service.greatest_us == 0


def test_details_stay_few() -> None:
    """A server that never says the same thing twice does not fill the memory, and nothing goes uncounted."""
    rows: Requests = [("user", "p", Outcome.HTTP_ERROR, 0, 0, 0, 0, f"reason {i}") for i in range(1000)]
    details = taken(rows).of().details
    assert len(details) == DETAILS_LIMIT + 1
    assert sum(details.values()) == 1000
    assert details[OTHER_DETAILS] == 1000 - DETAILS_LIMIT


def test_processor_time_is_added_by_process_and_second() -> None:
    """Two processes stay two."""
    total = LedgerTotals()
    for name in ("a", "b", "a"):
        recorder = LedgerWriter(0)
        recorder.generator(name, SECOND + 1, 0.25, 0.5)
        total.merge(recorder.take())
    assert total.generators == {"a": {1: [0.5, 1.0]}, "b": {1: [0.25, 0.5]}}
    assert LedgerTotals.from_json(json.loads(json.dumps(total.as_json()))).generators == total.generators


@pytest.mark.parametrize(
    "damage",
    [
        {"schema": 3},
        {"schema": None},
        {"cells": 3},
        {"cells": [{}]},
        {"cells": [{"endpoint": "a", "phase": "b"}]},
        {"generators": {"a": [[1]]}},
    ],
)
def test_sums_that_cannot_be_read_are_refused(damage: dict[str, object]) -> None:
    """A message of another version or half a message."""
    data = taken([("user", "steady", Outcome.OK, 0, 0, MS, 0, "")]).as_json()
    with pytest.raises(ValueError, match="sums"):
        LedgerTotals.from_json({**data, **damage})
    with pytest.raises(ValueError, match="sums"):
        LedgerTotals.from_json({})


@pytest.mark.parametrize(
    ("key", "value"),
    [("scheduled", -1), ("size", 1.5), ("outcomes", {"fine": 1}), ("lag", None), ("asked", [[0, 1 << 50]])],
)
def test_cells_that_cannot_be_read_are_refused(key: str, value: object) -> None:
    """No count below zero, no outcome that is not known."""
    data = taken([("user", "steady", Outcome.OK, 0, 0, MS, 0, "")]).as_json()
    data["cells"][0][key] = value
    with pytest.raises(ValueError, match="sums"):
        LedgerTotals.from_json(data)

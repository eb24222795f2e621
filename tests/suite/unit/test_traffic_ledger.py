"""The ledger: each request is counted once, totals of processes add up exactly, and a missing outcome is named."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cutover.traffic.ledger import DETAILS_LIMIT, OTHER_DETAILS, LedgerTotals, Outcome
from cutover.traffic.ledger_writer import BATCH, LedgerWriter

pytestmark = pytest.mark.unit
timeless = settings(deadline=None)  # a busy machine is slow, but that is not tested here

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


def record_all(recorder: LedgerWriter, rows: Requests) -> None:
    for endpoint, phase, outcome, intended, lag, took, size, detail in rows:
        recorder.schedule(endpoint, phase, recorder.started_ns + intended)
        sent = 0 if outcome is Outcome.UNSENT else recorder.started_ns + intended + lag
        done = 0 if outcome is Outcome.UNSENT else sent + took
        recorder.record(endpoint, phase, outcome, recorder.started_ns + intended, sent, done, size, detail)


def totals_of(rows: Requests, started_ns: int = 0) -> LedgerTotals:
    recorder = LedgerWriter(started_ns)
    record_all(recorder, rows)
    return recorder.take()


@timeless
@given(requests)
def test_every_request_is_counted_once(rows: Requests) -> None:
    """Counts are by endpoint, phase and outcome; the scheduled requests are the sum of the outcomes."""
    totals = totals_of(rows)
    assert not list(totals.unbalanced())
    for (endpoint, phase), cell in totals.cells.items():
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
    assert sum(cell.counted for cell in totals.cells.values()) == len(rows) == totals.total().counted


@timeless
@given(requests, requests, st.integers(0, 10**15))
def test_totals_of_processes_add_up_exactly(first: Requests, second: Requests, other_clock: int) -> None:
    """The order, the clocks and JSON change nothing."""
    one = totals_of(first + second)
    parts = [totals_of(first), totals_of(second, other_clock)]
    for order in (parts, parts[::-1]):
        total = LedgerTotals()
        for part in order:
            total.merge(LedgerTotals.from_json(json.loads(json.dumps(part.as_json()))))
        assert total.as_json() == one.as_json()


def test_totals_taken_during_the_run_add_up() -> None:
    """A second `take` contains the requests since the first, also across several batches."""
    rows: Requests = [("user", "steady", Outcome.OK, i * MS, MS, 2 * MS, 10, "") for i in range(3 * BATCH + 7)]
    recorder = LedgerWriter(0)
    record_all(recorder, rows[:100])
    total = recorder.take()
    assert total.total().counted == 100
    record_all(recorder, rows[100:])
    total.merge(recorder.take())
    assert total.as_json() == totals_of(rows).as_json()
    assert not recorder.take().cells


def test_latency_counts_from_the_intended_time() -> None:
    """A request that was sent 300 ms late and answered in 5 ms has a latency of 305 ms (coordinated omission)."""
    cell = totals_of([("user", "steady", Outcome.OK, SECOND, 300 * MS, 5 * MS, 1, "")]).total_by_second()
    assert cell.latency.max_us == 305_000
    assert cell.service.max_us == 5_000
    assert cell.lag.max_us == 300_000
    assert cell.seconds[1].lag_us == 300_000


def test_unbalanced_cells_are_named() -> None:
    """One request has no outcome, another was not scheduled."""
    recorder = LedgerWriter(0)
    recorder.schedule("user", "steady", 0)
    recorder.record("login", "steady", Outcome.OK, 0, 0, 1, 0)
    assert list(recorder.take().unbalanced()) == [
        "login in steady: 0 requests were scheduled, 1 have an outcome",
        "user in steady: 1 requests were scheduled, 0 have an outcome",
    ]


def test_only_failures_of_the_deployment_are_errors() -> None:
    """A declared refusal, the close of an idle connection and an unsent request are not errors."""
    cell = totals_of([("user", "steady", outcome, 0, 0, MS, 0, "") for outcome in Outcome]).total()
    assert (cell.errors, cell.rated, cell.sent, cell.counted) == (5, 6, 8, 9)


def test_backward_time_stamps_are_counted() -> None:
    """They give no negative latency."""
    recorder = LedgerWriter(0)
    recorder.schedule("user", "steady", 5 * MS)
    recorder.record("user", "steady", Outcome.OK, 5 * MS, 6 * MS, 4 * MS, 0)
    cell = recorder.take().total()
    assert cell.backwards == 1
    assert cell.service.max_us == 0


def test_number_of_details_is_limited() -> None:
    """Many different errors do not fill the memory, and each is counted."""
    rows: Requests = [("user", "p", Outcome.HTTP_ERROR, 0, 0, 0, 0, f"reason {i}") for i in range(1000)]
    details = totals_of(rows).total().details
    assert len(details) == DETAILS_LIMIT + 1
    assert sum(details.values()) == 1000
    assert details[OTHER_DETAILS] == 1000 - DETAILS_LIMIT


def test_cpu_time_is_added_by_process_and_second() -> None:
    """Two processes are kept separate."""
    total = LedgerTotals()
    for name in ("a", "b", "a"):
        recorder = LedgerWriter(0)
        recorder.add_cpu_time(name, SECOND + 1, 0.25, 0.5)
        total.merge(recorder.take())
    assert total.generators == {"a": {1: [0.5, 1.0]}, "b": {1: [0.25, 0.5]}}
    assert LedgerTotals.from_json(json.loads(json.dumps(total.as_json()))).generators == total.generators


@pytest.mark.parametrize(
    "damage",
    [
        {"schema": 2},
        {"schema": None},
        {"cells": 3},
        {"cells": [{}]},
        {"cells": [{"endpoint": "a", "phase": "b"}]},
        {"generators": {"a": [[1]]}},
    ],
)
def test_unreadable_totals_are_refused(damage: dict[str, object]) -> None:
    """The message has another schema or is truncated."""
    data = totals_of([("user", "steady", Outcome.OK, 0, 0, MS, 0, "")]).as_json()
    with pytest.raises(ValueError, match="totals"):
        LedgerTotals.from_json({**data, **damage})
    with pytest.raises(ValueError, match="totals"):
        LedgerTotals.from_json({})


@pytest.mark.parametrize(
    ("key", "value"),
    [("scheduled", -1), ("size", 1.5), ("outcomes", {"unknown": 1}), ("lag", None), ("sent_slots", [[0, 1 << 50]])],
)
def test_unreadable_cell_is_refused(key: str, value: object) -> None:
    """A negative count and an unknown outcome are refused."""
    data = totals_of([("user", "steady", Outcome.OK, 0, 0, MS, 0, "")]).as_json()
    data["cells"][0][key] = value
    with pytest.raises(ValueError, match="totals"):
        LedgerTotals.from_json(data)

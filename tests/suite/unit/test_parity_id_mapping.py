"""Tests of the ID mapping: ids and tokens one to one, and instants within their steps."""

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutover.parity.id_mapping import IdMapping, Timeline, read_instant

pytestmark = pytest.mark.unit

pairs = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=8)
START = datetime.datetime(2026, 11, 22, 10, tzinfo=datetime.UTC)
US = datetime.timedelta(microseconds=1)


def us(moment: datetime.datetime) -> int:
    return (moment - datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)) // US


@given(pairs)
def test_ids_must_be_one_to_one(found: list[tuple[int, int]]) -> None:
    """In any order, in both directions, and separately for each namespace."""
    there, back = IdMapping(), IdMapping()
    objections = [there.bind("a", one, other) for one, other in found]
    mirrored = [back.bind("a", other, one) for one, other in found]
    one_to_one = len(set(found)) == len({one for one, _ in found}) == len({other for _, other in found})
    assert any(objections) == any(mirrored) == (not one_to_one)
    assert there.bind("b", 9, 8) is None
    assert all(there.candidate_id("c", one) is None for one, _ in found)


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("2026-11-22T10:00:00Z", "0 digits, Z"),
        ("2026-11-22T10:00:00.000Z", "3 digits, Z"),
        ("2026-11-22T11:00:00.000000+01:00", "6 digits, +01:00"),
        ("2026-11-22T04:30:00-05:30", "0 digits, -05:30"),
        ("2026-11-22t10:00:00z", "0 digits, z, lower-case t"),
        ("2026-11-22T09:59:60Z", "0 digits, Z"),
        ("2026-11-22T10:00:00.000000999Z", "9 digits, Z"),
    ],
)
def test_instant_is_read_with_its_format(text: str, form: str) -> None:
    """Offsets and leap seconds change the instant, the format does not."""
    found = read_instant(text)
    assert found is not None
    assert (found.us, found.form) == (us(START), form)


@pytest.mark.parametrize(
    "text",
    ["", "2026-11-22", "2026-11-22 10:00:00Z", "2026-11-22T10:00:00", "2026-11-22T10:00Z", "2026-02-30T10:00:00Z",
     "2026-11-22T24:00:00Z", "2026-11-22T10:60:00Z", "2026-11-22T10:00:61Z", "2026-11-22T10:00:00+24:00",
     "2026-11-22T10:00:00+0100", "2026-11-22T10:00:00.Z", "0000-01-01T00:00:00Z", "2026-11-22T10:00:00Z\n",
     "\u0662026-11-22T10:00:00Z", "99999-01-01T00:00:00Z", 5, None, True, [], {}],
)  # fmt: skip
def test_other_text_is_no_instant(text: object) -> None:
    """Only RFC 3339 timestamps are instants."""
    assert read_instant(text) is None


@given(st.datetimes(datetime.datetime(1, 1, 2), datetime.datetime(9999, 12, 30)), st.integers(-1439, 1439))  # noqa: DTZ001
def test_instant_equals_the_standard_library(naive: datetime.datetime, offset: int) -> None:
    """To the microsecond, at any offset."""
    moment = naive.replace(tzinfo=datetime.timezone(datetime.timedelta(minutes=offset)))
    found = read_instant(moment.isoformat(timespec="microseconds"))
    assert found is not None
    assert found.us == us(moment)


def objection(ours: float, theirs: float, *, digits: int = 6, tolerance_us: int = 0) -> str | None:
    """Return the objection to two instants, in seconds after START, in a journey with steps at 10 to 11 and 20 to
    21 s.
    """
    windows = [(us(START) + 10_000_000, us(START) + 11_000_000), (us(START) + 20_000_000, us(START) + 21_000_000)]
    known = IdMapping(Timeline(tolerance_us, windows), Timeline(tolerance_us, windows))
    texts = [
        (START + datetime.timedelta(seconds=seconds)).isoformat(timespec="microseconds")[:26]
        for seconds in (ours, theirs)
    ]
    cut = texts[1][: 20 + digits].rstrip(".")
    baseline, candidate = read_instant(f"{texts[0]}Z"), read_instant(f"{cut}Z")
    assert baseline is not None
    assert candidate is not None
    return known.bind_instants(baseline, candidate)


@pytest.mark.parametrize(
    ("ours", "theirs", "told"),
    [
        (10.5, 10.9, None),
        (10.5, 20.5, "is the time of another step"),
        (10.5, 3610.5, "is not the time of its step"),
        (10.5, 15.0, "is not the time of its step"),
        (15.0, 10.5, "is the time of a step, and the legacy's is not"),
        (1000.0, 1003.7, None),
        (1000.0, 4600.0, "is off by 60 minutes"),
        (1000.25, 1000.25 - 20_700, "is off by -345 minutes"),
        (1000.0, 1000.0, None),
    ],
)
def test_instant_outside_its_step_is_objected_to(ours: float, theirs: float, told: str | None) -> None:
    """A shift of one hour is also found if no step created the instant."""
    assert objection(ours, theirs) == told


def test_tolerance_and_digits_widen_a_step() -> None:
    """A truncated time was up to one unit later, and a clock may be off by the measured tolerance."""
    assert objection(10.5, 10.2, digits=0) is None
    assert objection(10.5, 9.0, digits=0) is None
    assert objection(10.5, 8.9, digits=0) is not None
    assert objection(10.5, 9.999, digits=3) is None
    assert objection(10.5, 9.998, digits=3) is not None
    assert objection(10.5, 11.5) is not None
    assert objection(10.5, 11.5, tolerance_us=500_000) is None
    assert objection(10.5, 11.500001, tolerance_us=500_000) is not None


def test_instant_pair_stays_the_same() -> None:
    """Equal instants of the legacy are equal on the Worker, for the whole journey."""
    known = IdMapping()
    first, second, third = (read_instant(f"2026-11-22T10:00:0{n}Z") for n in range(3))
    assert first is not None
    assert second is not None
    assert third is not None
    assert known.bind_instants(first, second) is None
    assert known.bind_instants(first, second) is None
    assert known.bind_instants(first, third) == "was paired with another one before"


def test_migrated_ids_must_be_identical() -> None:
    """A migrated file or user keeps its id. Tokens still differ."""
    known = IdMapping(migrated=True)
    assert known.bind("file", "a", "a") is None
    assert known.bind("user", 17, "17") is None
    assert known.bind("file", "b", "c") == "is not the migrated one"
    assert known.bind("user", 18, 19) == "is not the migrated one"
    assert known.bind("token", "x", "y") is None
    assert known.copy().bind("file", "d", "e") == "is not the migrated one"


def test_migrated_instants_must_be_identical() -> None:
    """As far as the digits go: one millisecond more is another instant, fewer digits are not."""
    known = IdMapping(Timeline(0, [(10**15, 10**15 + 1)]), Timeline(0, [(10**15, 10**15 + 1)]), migrated=True)
    legacy = read_instant("2020-02-29T12:00:00.123456Z")
    assert legacy is not None
    for text, objection in (
        ("2020-02-29T12:00:00.123Z", None),
        ("2020-02-29T12:00:00.124Z", "was paired with another one before"),
    ):
        candidate = read_instant(text)
        assert candidate is not None
        assert known.bind_instants(legacy, candidate) == objection
    later = read_instant("2020-02-29T12:00:01.123456Z")
    shifted = read_instant("2020-02-29T12:00:01.125Z")
    assert later is not None
    assert shifted is not None
    assert known.bind_instants(later, shifted) == "is not the migrated one"

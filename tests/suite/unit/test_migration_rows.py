"""Reconciling rows, as far as no database is needed: when values are the same, which keys are read, what is kept."""

import copy
import json
import sqlite3
import threading
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cutover.config.validation import ConfigurationError, root
from cutover.core.safety import KillSwitch
from cutover.migration import mapping_file
from cutover.migration.database_side import whole
from cutover.migration.export_side import load_export
from cutover.migration.findings import Finding, Findings, Kind, Part
from cutover.migration.keys import KeyChecks
from cutover.migration.mapping import Form
from cutover.migration.mapping_file import FILE, load_mapping
from cutover.migration.masking import shown_values
from cutover.migration.ranges import KeyRange, RangePlan, merged
from cutover.migration.resume import RangeJournal, latest_interrupted
from cutover.migration.schemas import Schema, d1_schema
from cutover.migration.sqlite_side import SqliteReader
from cutover.migration.values import Stored, identical, instant, read_column, same, shown

pytestmark = pytest.mark.unit

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
PLAIN = st.none() | st.integers() | TEXT
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner)
)


@given(PLAIN, PLAIN)
def test_values_are_identical_only_as_what_they_are(one: str | int | None, other: str | int | None) -> None:
    """By type and value; a rendered column gives back exactly what went in."""
    assert identical(one, other) == (json.dumps(one) == json.dumps(other))
    assert read_column(json.dumps([one, other], ensure_ascii=False).encode()) == [one, other]


@given(st.integers(-(2**63), 2**63 - 1), st.sampled_from(["", " ", "0x1", "1.0", "٣", "1 ", "+1", "abc"]))
def test_whole_number_is_read_from_its_digits_alone(number: int, other: str) -> None:
    """All of them, also above 2^53; what is no number is no answer."""
    assert whole(str(number).encode()) == whole(number) == number
    with pytest.raises(TypeError):
        whole(other.encode())


def test_storage_classes_are_never_taken_for_each_other() -> None:
    """1, 1.0, '1' and a BLOB of it are four; Python's own equality would say that two of them are one."""
    seen = [*read_column(b'[1,1.0,"1",null,"null"]'), Stored("blob", "31")]
    for number, one in enumerate(seen):
        for form in Form:
            assert [same(form, one, other) for other in seen] == [number == place for place in range(len(seen))]


@given(JSON)
@settings(max_examples=60)
def test_json_is_the_same_however_it_is_spaced_and_its_keys_are_ordered(value: object) -> None:
    """And another when a value in it is; a list in another order is another."""
    one, other = json.dumps(value), json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False)
    assert same(Form.JSON, one, other)
    assert not same(Form.JSON, json.dumps([value]), json.dumps([value, value]))
    assert not same(Form.TEXT, one, other) or one == other


@pytest.mark.parametrize(
    ("one", "other"),
    [("[1]", "[1.0]"), ("[1,2]", "[2,1]"), ('{"a":1,"a":1}', '{"a":1}'), ("[NaN]", "[ NaN]"), ("[", "["[:0])],
)
def test_json_that_only_some_readers_take_for_equal_is_not(one: str, other: str) -> None:
    """Lexemes count, order counts, a key that stands twice and what is no JSON at all are equal to nothing else."""
    assert not same(Form.JSON, one, other)


@given(st.datetimes(), st.integers(0, 3))
def test_instants_are_compared_and_not_their_texts(moment: object, cut: int) -> None:
    """Milliseconds stand for the same instant when nothing is cut off; one microsecond more is another."""
    text = f"{moment:%m-%dT%H:%M:%S.%f}"
    year = f"{getattr(moment, 'year', 0):04}-"
    whole = f"{year}{text}Z"
    assert same(Form.TIMESTAMP, whole, whole.replace("Z", "+00:00"))
    short = whole[: 26 - cut] + "Z"
    assert same(Form.TIMESTAMP, whole, short) == (set(whole[26 - cut : 26]) <= {"0"})
    found = instant(whole)
    assert found is not None
    assert instant(whole[:25] + str((int(whole[25]) + 1) % 10) + "Z") != found


@pytest.mark.parametrize(
    "text",
    ["infinity", "2026-01-01", "2026-01-01 00:00:00", "2026-02-30T00:00:00Z", "2026-01-01T00:00:00.1234567Z", ""],
)
def test_what_is_no_instant_equals_none(text: str) -> None:
    """A time without a zone means something else to each reader."""
    assert instant(text) is None
    assert not same(Form.TIMESTAMP, text, text + " ")


@given(
    st.sets(st.integers(-500, 2000), min_size=1),
    st.lists(st.tuples(st.integers(-500, 2000), st.integers(0, 300))),
    st.integers(1, 5000),
    st.booleans(),
)
@settings(max_examples=80)
def test_every_key_is_handed_out_once_and_no_proven_one(
    keys: set[int], proven: list[tuple[int, int]], batch: int, far_key: bool
) -> None:
    """Whatever the ranges took before, whatever was proven, whatever gaps were passed over, however keys are spread."""
    keys |= {10**12} if far_key else set()
    ranges = [(first, first + more) for first, more in proven]
    plan = RangePlan(min(keys), max(keys), len(keys), batch, ranges)
    read: list[int] = []
    while (taken := plan.take(wait=True)) is not None:
        held = [key for key in sorted(keys) if taken.first <= key <= taken.last][: taken.limit]
        assert taken.limit is not None or taken.last - taken.first + 1 <= 50_000
        read += held
        last = held[-1] if len(held) == taken.limit else taken.last
        plan.learn(KeyRange(taken.first, last), len(held), 40 * len(held), 0.01)
        if not held and (later := [key for key in keys if key > taken.last]):
            plan.jump(taken.last, min(later))
        plan.done(taken, last)
    assert len(read) == len(set(read))
    spared = {key for first, last in ranges for key in range(first, last + 1)}
    assert set(read) == keys - spared


def test_what_one_thread_gives_back_another_takes() -> None:
    """One far key makes the first range hold nearly all rows: who found nothing left waits, and gets half of it."""
    plan = RangePlan(1, 10**9, 10_000, 10**9)
    first, far = plan.take(), plan.take()
    assert first is not None
    assert far is not None
    found: list[KeyRange | None] = []
    plan.jump(far.last, 10**9 + 1)
    plan.done(far, far.last)
    waiting = threading.Thread(target=lambda: found.append(plan.take(wait=True)))
    waiting.start()
    plan.learn(KeyRange(1, 1000), 1000, 1000, 0.01)
    plan.done(first, 1000)
    waiting.join(10)
    assert found == [KeyRange(1001, 3000)]


def test_who_waits_goes_on_when_another_thread_has_failed() -> None:
    """Also when something that was taken is done only after the end."""
    plan = RangePlan(1, 1000, 1000, 10**9)
    taken = plan.take()
    assert taken is not None
    waiting = threading.Thread(target=lambda: plan.take(wait=True), daemon=True)
    waiting.start()
    plan.end()
    waiting.join(10)
    assert not waiting.is_alive()
    plan.done(taken, 500)
    assert plan.take(wait=True) is None


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 9))))
def test_merged_ranges_hold_the_same_keys(pairs: list[tuple[int, int]]) -> None:
    """In order, and none beside another."""
    ranges = [(first, first + more) for first, more in pairs]
    joined = merged(ranges)
    held = {key for first, last in ranges for key in range(first, last + 1)}
    assert {key for first, last in joined for key in range(first, last + 1)} == held
    assert all(joined[at][1] + 1 < joined[at + 1][0] for at in range(len(joined) - 1))


_OF_USERS = [
    (Part.ROWS, Kind.CHANGED), (Part.ROWS, Kind.STORAGE_CLASS), (Part.KEYS, Kind.COLLISION),
    (Part.KEYS, Kind.BROKEN_REFERENCE), (Part.OBJECTS, Kind.CHANGED),
]  # fmt: skip
"""Findings that hold what a user wrote."""


@given(TEXT.filter(lambda text: len(text) > 6), TEXT.filter(lambda text: len(text) > 6), st.sampled_from(_OF_USERS))
def test_masked_values_show_nothing_of_themselves(one: str, other: str, place: tuple[Part, Kind]) -> None:
    """Lengths and the place of the first difference, no character; also where what was found is no JSON."""
    part, kind = place
    masked = [json.dumps(secret) for secret in (f"§{one}§", f"§{other}§")]
    for expected, got in (masked, ["a value that no other row has", masked[1]], ["a row of users", f"§{other}§"]):
        finding = Finding(part, "users", kind, "1", "email", expected, got)
        for text in shown_values(finding, show_values=False):
            assert "§" not in text
        assert shown_values(finding, show_values=True) == (expected, got)


def test_words_of_ours_are_shown_as_they_are() -> None:
    """What is expected may be in words; so may a row that should not be there."""
    collided = Finding(Part.KEYS, "users", Kind.COLLISION, "1", "email", "a value that no other row has", '"a@b.c"')
    assert shown_values(collided, show_values=False) == ("a value that no other row has", "text of 5 characters")
    left = Finding(Part.ROWS, "x", Kind.NOT_CARRIED, "1", None, "no row", "a row")
    assert shown_values(left, show_values=False) == ("no row", "a row")
    blob = Finding(Part.ROWS, "users", Kind.STORAGE_CLASS, "1", "email", '"x"', "BLOB 414243")
    assert shown_values(blob, show_values=False) == ("text of 1 characters", "BLOB of 3 bytes")


def test_journal_of_a_killed_run_is_read_to_its_last_whole_line(tmp_path: Path) -> None:
    """Half a line is no range; a run that ended, or of another mapping, is not gone on with."""
    head = {"environment": "x", "mapping": "1"}
    journal = RangeJournal(tmp_path / "one", {**head, "marks": {"D1": "m"}})
    journal.proven("users", 1, 10, 9)
    journal.proven("users", 11, 20, 10)
    journal.close()
    file = tmp_path / "one" / "reconciliation.journal"
    file.write_bytes(file.read_bytes()[:-5])
    proven = latest_interrupted(tmp_path, head)
    assert (proven.ranges, proven.marks, proven.count) == ({"users": [(1, 10, 9)]}, {"D1": "m"}, 1)
    with pytest.raises(ConfigurationError, match="expected an interrupted run"):
        latest_interrupted(tmp_path, {**head, "mapping": "2"})
    RangeJournal(tmp_path / "two", {**head, "marks": {}}).end()
    with pytest.raises(ConfigurationError, match="expected an interrupted run"):
        latest_interrupted(tmp_path, head)


def test_findings_are_counted_all_and_kept_some() -> None:
    """Five of each place and kind with their values; whoever wants every one gets it."""
    every: list[Finding] = []
    findings = Findings(sink=every.append)
    for number in range(20):
        findings.add(Finding(Part.ROWS, "users", Kind.MISSING, str(number)))
    assert (findings.total, len(every)) == (20, 20)
    assert [kept.key for kept in next(iter(findings.samples.values()))] == ["0", "1", "2", "3", "4"]


@given(st.lists(st.tuples(st.integers(1, 10**18), TEXT), unique_by=lambda row: row[0], max_size=8))
@settings(max_examples=25, deadline=None)
def test_export_gives_back_what_was_dumped(rows: list[tuple[int, str]]) -> None:
    """Line ends, semicolons and quotes in texts are part of them."""
    import tempfile

    rows = [(key, text.replace("\0", "")) for key, text in rows]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lines = "".join(
            f"INSERT INTO t VALUES ({key}, '{text.replace(chr(39), chr(39) * 2)}');\n"  # noqa: S608 - what a dump is
            for key, text in rows
        )
        export = folder / "e.sql"
        export.write_bytes(f"PRAGMA defer_foreign_keys=TRUE;\nCREATE TABLE t(id INTEGER, x TEXT);\n{lines}".encode())
        load_export(export, folder / "e.sqlite")
        connection = sqlite3.connect(folder / "e.sqlite")
        assert connection.execute("SELECT id, x FROM t").fetchall() == rows
        connection.close()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expected at least one CREATE TABLE"),
        ("CREATE TABLE t(id INTEGER);\nINSERT INTO t VALUES (1", "line 2"),
        ("CREATE TABLE t(id INTEGER);\n\nATTACH '/tmp/other' AS o;\n", "line 2"),
        ("nonsense;\n", "line 1"),
    ],
)
def test_what_is_no_export_is_refused_by_its_line(text: str, said: str, tmp_path: Path) -> None:
    """One message, and nothing but tables is made."""
    (tmp_path / "e.sql").write_text(text)
    with pytest.raises(ConfigurationError, match=said):
        load_export(tmp_path / "e.sql", tmp_path / "e.sqlite")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('as = "uuid"', 'as = "guid"', "expected one of integer"),
        ('target = "users"', 'target = "us;ers"', "expected a name"),
        ("constant = 0", "constnat = 0", "unknown key"),
        ('unique = ["username", "email"]', 'unique = ["nickname"]', "expected a mapped column"),
        ('key = { source = "id", target = "id" }', 'key = { source = "username", target = "username" }', "integer"),
        ('{user_id}/{file_id}.csv", why', '{nobody}/{file_id}.csv", why', "nobody"),
        ('user_id = "users.id"', 'user_id = "people.id"', "expected a mapped column"),
        ('as = "json", null = true', 'as = "json"', "null = true"),
        ("always_null = true, null", "back_null = {}, always_null = true, null", "only allowed with `from`"),
        ("max_iterations = 100000", "max_iterations = 0", "expected 1 to"),
    ],
)
def test_mapping_that_cannot_be_used_names_its_key(old: str, new: str, said: str, tmp_path: Path) -> None:
    """Whatever stands in a query was judged before."""
    text = (root() / FILE).read_text()
    assert old in text
    (tmp_path / "contracts").mkdir()
    (tmp_path / FILE).write_text(text.replace(old, new, 1))
    with pytest.raises(ConfigurationError, match=said):
        load_mapping(tmp_path)


_OTHERS: list[Any] = [5, True, "x", "", [], {}, [[1]], [{}], ["x"], {"a": 1}, 1.5]


def _places(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Of every value in a document, the keys that lead to it."""
    inner = value.items() if isinstance(value, dict) else enumerate(value[:2]) if isinstance(value, list) else ()
    for key, each in inner:
        yield (*way, key)
        yield from _places(each, (*way, key))


def test_any_value_in_place_of_another_is_a_mapping_or_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every value of the file, in turn something else or left out: ConfigurationError or a mapping, nothing else."""
    document = tomllib.loads((root() / FILE).read_text())
    refused = 0
    for way in list(_places(document)):
        for other in (*_OTHERS, None):
            changed = copy.deepcopy(document)
            place = changed
            for key in way[:-1]:
                place = place[key]
            if other is None:
                del place[way[-1]]
            else:
                place[way[-1]] = other
            monkeypatch.setattr(mapping_file, "read_toml", lambda _, changed=changed: changed)
            try:
                load_mapping(root())
            except ConfigurationError:
                refused += 1
    assert refused > 1000


def test_shown_values_are_ascii() -> None:
    """Half a surrogate pair, as broken UTF-8 is kept, can be written."""
    shown("\udcff").encode("ascii")


def test_every_broken_reference_names_its_row(tmp_path: Path) -> None:
    """Also beyond the few that are kept with their values, and with all digits of its key."""
    file = tmp_path / "d1.sqlite"
    connection = sqlite3.connect(file)
    connection.executescript("CREATE TABLE users(id INTEGER PRIMARY KEY); CREATE TABLE audit_logs(id INTEGER, user_id)")
    keys = [*range(1, 20), 2**53 + 1]
    connection.executemany("INSERT INTO audit_logs VALUES (?, 7)", [(key,) for key in keys])
    connection.commit()
    connection.close()
    reader = SqliteReader(file, KillSwitch(root()))
    every: list[Finding] = []
    checks = KeyChecks(
        load_mapping(root()), (), reader, reader, Schema(), d1_schema(reader), Findings(sink=every.append)
    )
    checks.run()
    reader.close()
    assert [finding.key for finding in every] == [str(key) for key in keys]
    assert {finding.kind for finding in every} == {Kind.BROKEN_REFERENCE}

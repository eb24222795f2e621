"""Tests of accepted differences: what an entry accepts, refused entries, and the result of each entry."""

import datetime
from pathlib import Path

import pytest

from cutover.config.validation import ConfigurationError
from cutover.parity.accepted_differences import FILE, AcceptedDifferences, DeclarationResult
from cutover.parity.accepted_differences_file import load_accepted_differences
from cutover.parity.differences import NOT_LISTED, Difference, Kind

pytestmark = pytest.mark.unit

OPERATIONS = ("user", "login", "health", "export")
TODAY = datetime.date(2026, 11, 22)
GOOD = {
    "operations": '["user"]', "path": '"/a"', "class": '"value"', "legacy": '"text"', "worker": '"text"',
    "reason": '"why"', "owner": '"who"', "expires": "2026-11-22",
}  # fmt: skip


def load(folder: Path, *tables: dict[str, str | None], kind: str = "accepted", text: str = "") -> AcceptedDifferences:
    file = folder / FILE
    file.parent.mkdir(exist_ok=True)
    for table in tables:
        rows = [f"{key} = {value}" for key, value in {**GOOD, **table}.items() if value is not None]
        text += "\n".join([f"[[{kind}]]", *rows, ""])
    file.write_text(text)
    return load_accepted_differences(folder, OPERATIONS, TODAY)


def seen(path: str = "/a", kind: Kind = Kind.VALUE, operation: str = "user", case: str = "") -> Difference:
    return Difference(operation, path, kind, "text", "text", case)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        *(({key: None}, f"accepted.{key}") for key in GOOD if key not in ("legacy", "worker")),
        *(({key: '" "'}, f"accepted.{key}") for key in ("path", "operations", "class")),
        ({"path": "[]"}, "accepted.path"),
        ({"path": '["/a", ""]'}, "accepted.path"),
        ({"path": "5"}, "expected a "),
        ({"reason": "5"}, "expected a "),
        ({"case": "5"}, "expected a "),
        ({"always": '"yes"'}, "true or false"),
        ({"expires": "2026-11-21"}, "expired on 2026-11-21"),
        ({"expires": '"2027-01-01"'}, "expected a date"),
        ({"expires": "2027-01-01T00:00:00Z"}, "expected a date"),
        ({"class": '"values"'}, "unknown class"),
        ({"operations": '["users"]'}, "unknown operation 'users'"),
        ({"operations": '["every", "user"]'}, "must be the only operation"),
        ({"except": '["user"]'}, "must be the only operation"),
        ({"operations": '"every"', "except": '["nobody"]'}, "unknown operation 'nobody'"),
        ({"path": '"/*/a*"'}, "patterns are not allowed"),
        ({"path": '"*"'}, "patterns are not allowed"),
        ({"legacy": None}, "legacy or worker is missing"),
        ({"worker": None, "class": '"semantics"'}, "legacy or worker is missing"),
        ({"always": "true"}, "that the Worker always adds"),
        ({"always": "true", "class": '"extra"', "legacy": None, "path": '"/a"'}, "that the Worker always adds"),
        ({"always": "true", "class": '"extra"', "worker": None}, "that the Worker always adds"),
        ({"class": '"status"', "legacy": '"404"', "worker": '"200"'}, "404 that becomes 200 allows"),
        ({"class": '"status"', "legacy": '["400", "401"]', "worker": '["413", "206"]'}, "401 that becomes 206 allows"),
        ({"class": '"status"', "legacy": '"200"', "worker": '"503"'}, "503 is a server error of the Worker"),
        ({"class": '"extra"', "path": '"/files/*"'}, "means lost data"),
        ({"class": '"missing"', "path": '["/a", "csv/*"]'}, "means lost data"),
        ({"class": '"type"', "operations": '["state"]', "path": '"/files/*/bytes"'}, "means lost data"),
        (
            {"class": '"missing"', "operations": '["export"]', "path": '"body"', "legacy": None, "worker": None},
            "means lost data",
        ),
        ({"class": '"value"', "operations": '["export"]', "path": '"csv/*/name"'}, "means lost data"),
        ({"class": '"status"', "legacy": '"404"', "worker": '"302"'}, "404 that becomes 302 allows"),
        (
            {"class": '"semantics"', "legacy": '"id"', "worker": '"id that is that of something else"'},
            "an id or token of another object",
        ),
        ({"class": '"missing"', "path": '"csv/header"', "operations": '["export"]'}, "a lost column means lost data"),
        ({"class": '"type"', "path": '"csv"', "operations": '["export"]'}, "no CSV means lost data"),
        ({"class": '"value"', "path": '"csv"', "operations": '["export"]'}, "no CSV means lost data"),
        ({"class": '"missing"', "legacy": '"list"'}, "a list that the Worker does not have"),
        ({"class": '"missing"', "legacy": '["text", "empty list"]'}, "a list that the Worker does not have"),
        ({"class": '"type"', "legacy": '"list"', "worker": '"null"'}, "a list that the Worker does not have"),
        ({"class": '"missing"', "legacy": None}, "would also accept a missing list"),
        ({"class": '"missing"', "path": '"body"', "legacy": None}, "means lost data"),
        ({"class": '"status"', "legacy": '"200"', "worker": '"404"'}, "200 that becomes 404 accepts that"),
        ({"class": '"status"', "legacy": '"201"', "worker": '["200", "302"]'}, "201 that becomes 302 accepts that"),
        ({"class": '"status"', "legacy": '"200"', "worker": '"broken answer"', "case": '"c"'}, "expected a status"),
        ({"class": '"semantics"', "path": '"status"'}, "error of both systems"),
        ({"class": '"semantics"', "legacy": f'"{NOT_LISTED}"', "worker": f'"{NOT_LISTED}"'}, "means lost data"),
        ({"surprise": "1"}, "unknown key"),
    ],
)
def test_entry_that_may_not_be_accepted_is_refused(tmp_path: Path, change: dict[str, str | None], told: str) -> None:
    """The message contains the file, the line and the problem."""
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, {}, change)
    assert told in str(caught.value)
    assert FILE in str(caught.value)
    assert f"line {len(GOOD) + 2}" in str(caught.value)


@pytest.mark.parametrize("kind", sorted({*Kind} - {Kind.VALUE, Kind.ORDER}))
def test_noise_hides_only_value_or_order(tmp_path: Path, kind: Kind) -> None:
    """Noise may hide only a value or an order, at a named path."""
    with pytest.raises(ConfigurationError, match="noise may hide only"):
        load(tmp_path, {"class": f'"{kind.value}"'}, kind="noise")
    for path in ("body", "csv"):
        with pytest.raises(ConfigurationError, match="would hide a whole file"):
            load(tmp_path, {"path": f'"{path}"'}, kind="noise")
    for operation, path in (("export", "csv/*/name"), ("state", "/files/*/bytes"), ("state", "/files/*/stored_size")):
        with pytest.raises(ConfigurationError, match="means lost data"):
            load(tmp_path, {"operations": f'["{operation}"]', "path": f'"{path}"'}, kind="noise")


@pytest.mark.parametrize(
    "text",
    ["accepted = 5", "[accepted]\na = 1", "accepted = [{path = 1}]", "[[other]]", "[[accepted]", "[[ accepted ]]"],
)
def test_file_of_another_format_is_refused(tmp_path: Path, text: str) -> None:
    """Any other content is a configuration error, not a traceback."""
    with pytest.raises(ConfigurationError):
        load(tmp_path, text=text)


@pytest.mark.parametrize("key", ["reason", "owner"])
def test_entry_with_an_empty_reason_is_refused(tmp_path: Path, key: str) -> None:
    """The message names the entry and the key."""
    with pytest.raises(ConfigurationError, match=rf"accepted 2\.{key}.*expected a reason"):
        load(tmp_path, {}, {key: '" "'})


def test_noise_on_every_operation_is_refused(tmp_path: Path) -> None:
    """It would hide a value in each response of the API."""
    with pytest.raises(ConfigurationError, match="would hide a value in each response"):
        load(tmp_path, {"operations": '"every"'}, kind="noise")


def test_lost_status_is_accepted_with_its_case_only(tmp_path: Path) -> None:
    """A success that becomes a refusal on purpose has a case, and is accepted in this case only."""
    revoked = {"class": '"status"', "path": '"status"', "legacy": '"200"', "worker": '"401"', "case": '"logged out"'}
    decisions = load(tmp_path, revoked)
    assert decisions.matching(Difference("user", "status", Kind.STATUS, "200", "401", "logged out")) is not None
    assert decisions.matching(Difference("user", "status", Kind.STATUS, "200", "401")) is None


def test_entry_accepts_only_what_it_names(tmp_path: Path) -> None:
    """A difference with one changed part of the key is not accepted."""
    decisions = load(tmp_path, {"case": '"c"', "legacy": '["text", "x"]'})
    good = Difference("user", "/a", Kind.VALUE, "text", "text", "c")
    for _ in range(2):
        assert decisions.matching(good) is decisions.entries[0]
        assert decisions.matching(Difference("user", "/a", Kind.VALUE, "x", "text", "c"))
        for other in (
            Difference("login", "/a", Kind.VALUE, "text", "text", "c"),
            Difference("state", "/a", Kind.VALUE, "text", "text", "c"),
            Difference("user", "/a/b", Kind.VALUE, "text", "text", "c"),
            Difference("user", "/a", Kind.TYPE, "text", "text", "c"),
            Difference("user", "/a", Kind.VALUE, "y", "text", "c"),
            Difference("user", "/a", Kind.VALUE, "text", "x", "c"),
            Difference("user", "/a", Kind.VALUE, "text", "text", ""),
        ):
            assert decisions.matching(other) is None


def test_every_excludes_exceptions_and_stored_state(tmp_path: Path) -> None:
    """The stored state must be named explicitly."""
    decisions = load(tmp_path, {"operations": '"every"', "except": '["health"]'})
    accepted = {name for name in (*OPERATIONS, "state") if decisions.matching(seen(operation=name))}
    assert accepted == {"user", "login", "export"}


def judged(
    decisions: AcceptedDifferences,
    *found: Difference,
    cases: set[tuple[str, str]] | None = None,
    filled: set[tuple[str, str]] | None = None,
    undeclared: tuple[str, ...] = (),
) -> DeclarationResult:
    """Return the result of the first entry, after these differences and responses of (operation, case).

    filled: (operation, path) of the lists with elements on both sides. undeclared: paths of other differences of user.
    """
    lines: dict[tuple[int, str, str], int] = {}
    sides = set()
    for difference in found:
        rule = decisions.matching(difference)
        assert rule is not None
        lines[rule.line, difference.operation, difference.path] = 1
        sides.add((rule.line, difference.baseline, difference.candidate))
    answered = cases or {("user", "")}
    places = [("user", path) for path in undeclared]
    return decisions.results(
        lines, {name for name, _ in answered}, cases=answered, sides=sides, filled=filled or (), undeclared=places
    )[0]


def test_entry_is_stale_too_broad_seen_or_not_exercised(tmp_path: Path) -> None:
    """The result depends on operation, path, both sides and case."""
    both = {"operations": '["user", "login"]', "path": '["/a", "/b"]'}
    decisions = load(tmp_path, both)
    all_four = [seen(path, operation=name) for path in ("/a", "/b") for name in ("user", "login")]
    exercised = {("user", ""), ("login", "")}
    assert judged(decisions, *all_four, cases=exercised).state == "seen"
    assert judged(decisions, *all_four[:3], cases=exercised).state == "too broad"
    assert "login /b" in judged(decisions, *all_four[:3], cases=exercised).detail
    assert judged(decisions, cases=exercised).state == "stale"
    assert judged(decisions, all_four[0], all_four[2]).state == "seen"
    assert judged(decisions, cases={("health", "")}).state == "not exercised"
    sided = load(tmp_path, {"worker": '["text", "null"]'})
    assert judged(sided, seen()).detail == "names more than was seen: worker null"
    special = load(tmp_path, {"case": '"c"'})
    assert judged(special).state == "not exercised"
    assert judged(special, cases={("user", "c")}).state == "stale"
    noise = load(tmp_path, {}, kind="noise")
    assert not judged(noise).fails
    assert judged(noise, seen()).state == "seen"


def test_entry_below_an_empty_list_is_not_exercised(tmp_path: Path) -> None:
    """If both systems answer an empty list, nothing proves that an entry below it is stale."""
    below = load(tmp_path, {"path": '"/files/*/a"'})
    assert judged(below).state == "not exercised"
    assert judged(below, filled={("login", "/files")}).state == "not exercised"
    assert judged(below, filled={("user", "/files")}).state == "stale"
    inner = load(tmp_path, {"path": '"/files/*/tags/*"', "class": '"order"'})
    assert judged(inner, filled={("user", "/files")}).state == "not exercised"
    assert judged(inner, filled={("user", "/files"), ("user", "/files/*/tags")}).state == "stale"
    both = load(tmp_path, {"path": '["/a", "/files/*/a"]'})
    assert judged(both, seen()).state == "seen"


@pytest.mark.parametrize("path", ["status", "body", "/a", "/a/b"])
def test_entry_that_a_finding_explains_is_not_stale(tmp_path: Path, path: str) -> None:
    """A refused request has none of the declared fields: that is one finding, not one for each entry."""
    inside = load(tmp_path, {"path": '"/a/b/c"'})
    assert judged(inside, undeclared=(path,)).state == "not exercised"
    assert judged(inside, undeclared=("/a/bc", "/b", "header:x")).state == "stale"
    two = load(tmp_path, {"operations": '["user", "login"]', "path": '"/a"'})
    answered = {("user", ""), ("login", "")}
    assert judged(two, cases=answered, undeclared=("status",)).state == "stale"
    assert judged(two, seen(), cases=answered).state == "too broad"
    assert judged(two, seen(operation="login"), cases=answered, undeclared=("/a",)).state == "seen"


def test_always_entry_that_is_absent_is_a_difference(tmp_path: Path) -> None:
    """The Worker's response alone decides, and the entry applies to its own case only."""
    rule = {"operations": '"every"', "path": '"header:x"', "class": '"extra"', "legacy": None, "always": "true"}
    decisions = load(tmp_path, rule)
    (lost,) = decisions.lost("user", "any case", {"header:y"}.__contains__)
    assert (lost.path, lost.kind, lost.case) == ("header:x", Kind.MISSING, "any case")
    assert decisions.matching(lost) is None
    assert decisions.lost("user", "", {"header:x"}.__contains__) == []
    special = load(tmp_path, {**rule, "case": '"c"'})
    assert special.lost("user", "", set().__contains__) == []
    assert special.lost("user", "c", set().__contains__) != []


def test_first_of_two_overlapping_entries_decides(tmp_path: Path) -> None:
    """Of two overlapping entries, the superfluous one is reported."""
    decisions = load(tmp_path, {}, {})
    assert decisions.matching(seen()) is decisions.entries[0]
    states = decisions.results(
        {(1, "user", "/a"): 1}, {"user"}, cases={("user", "")}, sides={(1, "text", "text")}, filled=()
    )
    assert [rule.state for rule in states] == ["seen", "stale"]

"""Tests of the causes of undeclared differences: their order, one line per cause, per-response values."""

import datetime
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutover.parity.accepted_differences import AcceptedDifference, AcceptedDifferences
from cutover.parity.difference_causes import causes_of, importance, with_per_response_values
from cutover.parity.differences import NOT_LISTED, Difference, Kind
from cutover.parity.parity_failure import UNDECLARED, failure
from cutover.parity.played import PlayedStep
from cutover.parity.steps import Step
from cutover.parity.totals import ParityTotals

pytestmark = pytest.mark.unit

LATER = datetime.date(2099, 1, 1)


def header(operation: str, name: str, candidate: str, baseline: str = "absent", kind: Kind = Kind.EXTRA) -> Difference:
    """Return a difference of a header."""
    return Difference(operation, f"header:{name}", kind, baseline, candidate)


def status(operation: str, baseline: str, candidate: str, case: str = "") -> Difference:
    """Return a difference of the status."""
    return Difference(operation, "status", Kind.STATUS, baseline, candidate, case)


def totals(*responses: list[Difference], decisions: AcceptedDifferences | None = None) -> ParityTotals:
    """Return the totals of pairs of responses, each with its differences."""
    found = ParityTotals()
    for number, differences in enumerate(responses, 1):
        operation = differences[0].operation if differences else "user"
        case = differences[0].case if differences else ""
        step = Step(operation, "ann", case=case)
        played = PlayedStep(step, (200, 200), ("a", "b"), tuple(differences), "owner", 0.0)
        found.add_answer(played, decisions or AcceptedDifferences(()), "a journey", number)
    return found


def lines(found: ParityTotals) -> list[str]:
    """Return the lines of the causes."""
    return [cause.line for cause in causes_of(with_per_response_values(found.seen).values(), found.compared)]


def test_status_and_security_come_first_headers_last() -> None:
    """What was forbidden and is allowed, ids of others, other statuses, security headers, data, bodies, headers."""
    ordered = [
        status("user", "401", "200"),
        Difference("user", "/id", Kind.SEMANTICS, "id", "id that was paired with another one before"),
        status("download", "200", "404"),
        header("user", "content-security-policy", "absent", "default-src 'self'", Kind.MISSING),
        Difference("list_files", "/files/*", Kind.MISSING, "object", "absent"),
        Difference("user", "/email", Kind.VALUE, "text", "text"),
        header("user", "x-powered-by", "Express"),
    ]
    assert [importance(each) for each in ordered] == sorted({importance(each) for each in ordered})
    shown = lines(totals(*([each] for each in reversed(ordered))))
    assert [line.split(" ")[0] for line in shown] == [each.path for each in ordered]


def test_shared_loss_comes_before_other_statuses() -> None:
    """A file that both systems lost is lost data."""
    lost = Difference("list_files", "/files/*", Kind.SEMANTICS, NOT_LISTED, NOT_LISTED)
    assert importance(lost) < importance(status("user", "200", "500"))
    assert f"both systems: {NOT_LISTED}" in lines(totals([lost]))[0]


def test_header_in_many_operations_is_one_line() -> None:
    """The line counts operations and responses, and names where the cause was seen first."""
    operations = ("columns", "delete", "download", "export", "list_files", "login", "tags", "upload")
    found = totals(*([header(name, "x-powered-by", "Express")] for name in operations), [])
    (line,) = lines(found)
    assert "in columns, delete, download, export, list_files, login and 2 more operations" in line
    assert "(8 of 8 responses, first in a journey, step 1)" in line


def test_nonce_in_each_response_is_one_line() -> None:
    """311 of 547 differences were one nonce. Another header in the same responses stays a line of its own."""
    policy = "script-src 'self' 'x-{:04d}=='; report-uri /r"
    found = totals(
        *(
            [header(name, "a-policy", policy.format(number)), header(name, "x-b", "1")]
            for number, name in enumerate(("user", "login", "columns") * 100)
        )
    )
    assert len(found.seen) > 300
    shown = lines(found)
    assert len(shown) == 2
    assert "Worker script-src 'self' 'x-…'; report-uri /r (… differs in each response)" in " ".join(shown)
    assert "(300 of 300 responses" in shown[0]


def test_values_that_repeat_are_not_merged() -> None:
    """Three operations with a content type each are three causes, and so are values that occur again."""
    types = {"user": "text/html", "export": "text/plain", "columns": "text/xml"}
    once = totals(
        *([header(name, "content-type", value, "application/json", Kind.HEADER)] for name, value in types.items())
    )
    assert len(lines(once)) == 3
    repeated = totals(*([header("user", "x-a", value)] for value in ("1", "2", "3", "1", "2", "3")))
    assert len(lines(repeated)) == 3


def test_consequences_of_a_status_are_counted_not_listed() -> None:
    """A refused request has other headers than an answered one. The same header elsewhere is a cause of its own."""
    challenge = header("user", "www-authenticate", "bearer")
    refused = [status("user", "200", "401"), challenge]
    (line,) = lines(totals(refused, refused))
    assert line.startswith("status status: legacy 200, Worker 401, in user (2 of 2 responses")
    assert "and 1 further differences of these responses" in line
    assert len(lines(totals(refused, [challenge]))) == 2


def test_declared_status_hides_no_difference() -> None:
    """Only an undeclared status explains the other differences of its response."""
    rule = AcceptedDifference(
        1, ("user",), ("status",), Kind.STATUS, ("200",), ("401",), "", "why", "who", LATER
    )  # fmt: skip
    decisions = AcceptedDifferences((rule,))
    (line,) = lines(totals([status("user", "200", "401"), header("user", "x-a", "1")], decisions=decisions))
    assert line.startswith("header:x-a extra")


def test_columns_of_an_export_are_one_line() -> None:
    """Other cells in five columns are one cause."""
    cells = [Difference("export", f"csv/*/column {n}", Kind.VALUE, "field", "another field") for n in range(5)]
    (line,) = lines(totals(cells))
    assert line.startswith("csv/*/COLUMN value")


def test_failure_names_causes_in_order_without_a_cut() -> None:
    """The finding has no counts, the text says how many causes there are, and each line is complete."""
    found = totals(
        *([header("user", f"x-{n}", "1")] for n in range(12)),
        [status("user", "401", "200")],
        [status("user", "401", "200")],
    )
    error = failure(found)
    assert error.finding.startswith(f"{UNDECLARED}status status 401>200|")
    text = str(error)
    assert "got       13 undeclared differences with 13 causes; status status: legacy 401, Worker 200, in user" in text
    assert text.index("status status") < text.index("header:x-0")
    assert "5 more causes are in parity.html" in text
    assert all(line.endswith(")") for line in re.findall(r"^    \S.*in user .*$", text, re.MULTILINE))


@given(st.lists(st.tuples(st.sampled_from("abc"), st.text("xyz='; ", max_size=9)), max_size=30))
def test_merging_keeps_every_response(found: list[tuple[str, str]]) -> None:
    """Merging changes no count, and merging again changes nothing."""
    raw = totals(*([header(operation, "h", value)] for operation, value in found))
    merged: dict[Any, Any] = with_per_response_values(raw.seen)
    assert sum(each.answers for each in merged.values()) == len(found)
    assert len(merged) <= len(raw.seen)
    assert {key: each.answers for key, each in with_per_response_values(merged).items()} == {
        key: each.answers for key, each in merged.items()
    }
    assert sum(cause.answers for cause in causes_of(merged.values(), raw.compared)) == len(found)

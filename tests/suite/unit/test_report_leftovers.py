"""Tests of the lines about test data that was left: a few lines, and none of it hidden."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutover.report.leftover_lines import leftover_lines

pytestmark = pytest.mark.unit

REASON = "worker has no delete_account: accounts cannot be deleted"


def test_accounts_with_one_reason_are_one_line() -> None:
    """The line has their number, the file that lists them, an example and the reason."""
    left = [f"worker account cutover-{n}: {REASON}" for n in range(1200)] + ["legacy file 7: status 500"]
    assert leftover_lines(left) == [
        f"1,200 items, all listed in verdict.json, for example worker account cutover-0: {REASON}",
        "legacy file 7: status 500",
    ]


def test_request_ids_do_not_split_a_reason() -> None:
    """An undeclared missing route answers each deletion with its own request id: it is one reason."""
    left = [f"worker account cutover-{n}: delete_account answered 404 (request ab-{n})" for n in range(30)]
    (line,) = leftover_lines(left)
    assert line == (
        "30 items, all listed in verdict.json, for example worker account cutover-0: delete_account answered 404"
    )


@given(st.lists(st.tuples(st.text("ab", max_size=3), st.sampled_from(["", "x", "y: z"]))))
def test_every_leftover_is_counted_once(left: list[tuple[str, str]]) -> None:
    """There is one line for each reason, and the numbers of all lines add up."""
    lines = leftover_lines(f"{what}: {reason}" if reason else what for what, reason in left)
    counts = [int(line.split(" items")[0]) if " items, all" in line else 1 for line in lines]
    assert (len(lines), sum(counts)) == (len({reason for _, reason in left}), len(left))

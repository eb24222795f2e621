"""The order of lists: newest first, and one order among equal times. Contract: list_files, Saved filters."""

import json

import pytest

from cutover.accounts.equal_times import can_make_times_equal, make_times_equal
from cutover.accounts.registered import Accounts
from cutover.accounts.row_writes import RowWrites
from cutover.client.http import Client
from cutover.config.environments import Environment
from cutover.contract.exceptional_uploads import upload_in_parallel
from cutover.contract.finding_collector import Inspection
from cutover.contract.valid_requests import Person, create_person, valid_request
from cutover.core.errors import NotVerified
from cutover.core.recorder import Recorder
from cutover.core.rule_table import Rule
from cutover.stores import row_store_of
from cutover.systems.target import Result, Target

pytestmark = [
    pytest.mark.contract,
    pytest.mark.level("test-data"),
    pytest.mark.plan("contracts/api.md, list_files, Saved filters"),
    pytest.mark.rule(Rule.LIST_ORDER),
]

OBJECTS = 12
"""Files or filters of one time: a random order repeats itself once in 479,001,600 requests."""
READS = 4
"""Requests for the list, before and again after one of the objects was changed."""


@pytest.mark.system("worker", "legacy")
def test_files_of_one_time_keep_their_order(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """Files that were created at the same time are listed in the same order every time, also after new tags."""
    target.operation("list_files").require("entry", "file_id")
    person = create_person(target, accounts, objects=(), requires=("upload",))
    inspection = Inspection(target, "order:files", "contracts/api.md list_files: created_at, then id, both descending")
    contents = [b"n\n" + str(number).encode() for number in range(OBJECTS)]
    upload_in_parallel(target, person.token, contents, 1)
    _make_times_equal(target, person, "list_files", recorder)
    seen = [_files(target, person) for _ in range(READS)]
    ids = seen[0][0]
    if target.has("tags") and ids:
        path = {"file_id": ids[len(ids) // 2]}
        sent = valid_request("tags", person) | {"path": path}
        target.if_possible(
            lambda: target.prepare("tags", token=person.token, **sent), without="an order after new tags"
        )
        seen += [_files(target, person) for _ in range(READS)]
    _expect_one_order(inspection, seen)
    inspection.close(recorder)


@pytest.mark.system("worker")
def test_filters_of_one_time_keep_their_order(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """Saved filters that were created at the same time are listed in the same order every time."""
    target.operation("list_filters").require("response", "filters")
    person = create_person(target, accounts, objects=(), requires=("upload", "create_filter"))
    inspection = Inspection(target, "order:filters", "contracts/api.md Files: list_files; Saved filters")
    for number in range(OBJECTS - 2):  # the person has two
        fields = valid_request("create_filter", person)["fields"] | {"name": f"filter {number}"}
        target.prepare("create_filter", token=person.token, fields=fields)
    _make_times_equal(target, person, "list_filters", recorder)
    _expect_one_order(inspection, [_filters(target, person) for _ in range(2 * READS)])
    inspection.close(recorder)


def _make_times_equal(target: Target, person: Person, listing: str, recorder: Recorder) -> None:
    """Set one creation time where the environment allows it. Otherwise, the times of a burst may differ."""
    rows = _rows(target.environment, target.client)
    if can_make_times_equal(rows, target, person.account):
        make_times_equal(rows, target, person.account, listing)
    else:
        recorder.note_undetectable(
            f"an unstable order among equal times in {listing}: the times of this burst may all be different"
        )


def _rows(environment: Environment, client: Client) -> RowWrites:
    return RowWrites(environment, row_store_of(environment, client))


def _files(target: Target, person: Person) -> tuple[list[str], Result]:
    listed = target.prepare("list_files", token=person.token)
    _note_pages(target, listed, len(listed.entries("files")))
    return [str(entry["file_id"]) for entry in person.account.own(listed)], listed


def _filters(target: Target, person: Person) -> tuple[list[str], Result]:
    listed = target.prepare("list_filters", token=person.token, having=("filters",))
    _note_pages(target, listed, len(listed.field("filters")))
    return [json.dumps(row, sort_keys=True) for row in listed.field("filters")], listed


def _note_pages(target: Target, listed: Result, count: int) -> None:
    """Note a list that has further pages: contracts/operations.toml has no request for them.

    An unstable order shows on the first page too, as other objects or another order.
    """
    total = listed.field_if_declared("total")
    if isinstance(total, int) and total > count:
        target.recorder.note_undetectable(f"the order beyond the first page of {listed.operation.name}")


def _expect_one_order(inspection: Inspection, seen: list[tuple[list[str], Result]]) -> None:
    """Report a list that is not the first one. Raises NotVerified if the first one has no order."""
    first = seen[0][0]
    if len(first) < 2:
        raise NotVerified(f"the list shows {len(first)} of {OBJECTS} objects of one time: there is no order to judge")
    orders = {tuple(ids) for ids, _ in seen}
    for ids, result in seen:
        inspection.count(result.operation.name)
        if ids != first:
            same = sorted(ids) == sorted(first)
            inspection.report(
                result,
                "another order" if same else "other objects",
                expected=f"{len(first)} objects in the order of the first request",
                got=f"{len(orders)} different lists in {len(seen)} requests",
                do_next="add a unique last column to ORDER BY: pages of such a list lose and repeat entries",
            )
            return

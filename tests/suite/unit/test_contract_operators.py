"""Operators' endpoints as the plan has them, without the check of who asks: each is found open by what it is asked."""

from collections.abc import Callable
from urllib.parse import parse_qs

import pytest

from cutover.contract.operator_paths import CHANGES, SWITCHES, Question, questions

pytestmark = pytest.mark.unit

ACTIONS = {"get_status", "update_percentage", "enable_maintenance", "disable_maintenance"}


def _migration_control(path: str, methods: tuple[str, ...]) -> Callable[[Question], int]:
    """The plan's migrationControl at that path, for these methods only."""

    def answer(question: Question) -> int:
        if question.path != path:
            return 404
        if question.method not in methods:
            return 405
        return 200 if parse_qs(question.query).get("action", [""])[0] in ACTIONS else 400

    return answer


def _switch(question: Question) -> int:
    """The plan's POST /admin/deployment/switch, which wants to be told a version."""
    if question.path != "admin/deployment/switch":
        return 404
    if question.method != "POST":
        return 405
    return 200 if (question.body or {}).get("version") in ("blue", "green") else 400


@pytest.mark.parametrize(
    "answer",
    [
        _migration_control("admin/migration", ("GET", "POST", "DELETE")),
        _migration_control("admin/migration", ("POST",)),
        _migration_control("api/admin/migration", ("GET",)),
        _switch,
    ],
    ids=["any method", "POST only", "below /api", "switch"],
)
def test_plans_endpoints_without_a_look_at_who_asks_are_open(answer: Callable[[Question], int]) -> None:
    """Also one that takes a single method, or refuses all but its own words with 400."""
    assert any(question.is_open(answer(question)) for question in questions(harmless=True))


def test_open_status_is_found_where_nothing_may_be_changed() -> None:
    """On staging and with named accounts the action that only looks is enough."""
    answer = _migration_control("admin/migration", ("GET",))
    assert any(question.is_open(answer(question)) for question in questions(harmless=False))


def test_nothing_that_changes_is_asked_where_it_could_harm() -> None:
    """By GET as well: an endpoint that does not look who asks need not look at the method."""
    for question in questions(harmless=False):
        assert question.method == "GET"
        assert question.path not in SWITCHES
        assert question.query not in CHANGES
        assert question.body is None


@pytest.mark.parametrize("status", [401, 403, 404, 405])
def test_refusals_are_closed(status: int) -> None:
    """Whatever was asked."""
    assert not any(question.is_open(status) for question in questions(harmless=True))


def test_bad_request_for_what_is_no_path_is_closed() -> None:
    """The server refuses the spelling before anybody reads an action."""
    for path in ("admin//deployment/current", "admin/../admin/migration"):
        assert not any(question.is_open(400) for question in questions(harmless=True) if question.path == path)

"""Who may answer an arrival: the named system alone, or, while traffic is switched, each that the environment names."""

import itertools
from collections.abc import Mapping

import pytest

from cutover.config.environments import load_environment
from cutover.config.validation import root
from cutover.load.load_client import Side, Traffic
from cutover.load.preparation import materials
from cutover.traffic.ledger import Outcome
from cutover.traffic.wire import Response

pytestmark = pytest.mark.unit

WORKER = {"x-served-by": "list-cutter-worker", "x-worker-version": "v1"}
DJANGO = {"x-served-by": "list-cutter-django"}
STRANGER = {"x-served-by": "somebody"}


def answer(headers: Mapping[str, str], status: int = 200) -> Response:
    """An answer with a right body."""
    head = "".join(f"\r\n{name}: {value}" for name, value in headers.items())
    return Response(status, head.encode(), b"ann", reusable=True)


def side(system: str, *, any_system: bool) -> Side:
    """Of an environment that names both systems."""
    environment, traffic = load_environment(root(), "local"), Traffic("r")
    return Side(
        system, environment, traffic, people=[], names=[], materials=materials(), version=None, any_system=any_system
    )


@pytest.mark.parametrize("system", ["worker", "legacy"])
def test_switched_traffic_may_be_answered_by_either_system_and_by_nobody_else(system: str) -> None:
    """Each is counted by itself with its first and last answer, and each change."""
    here = side(system, any_system=True)
    judge = here.judge("user", lambda body: body == b"ann")
    for headers in (DJANGO, DJANGO, WORKER, DJANGO, WORKER):
        assert judge(answer(headers)) == (Outcome.OK, "")
    assert judge(answer(STRANGER)) == (Outcome.WRONG_VERSION, "another system answered")
    assert judge(answer({})) == (Outcome.WRONG_VERSION, "another system answered")
    assert judge(answer(DJANGO, 401)) == (Outcome.HTTP_ERROR, "status 401")
    assert {who: count for who, (count, _, _) in here.traffic.versions.items()} == {"legacy": 4, "worker v1": 2}
    assert [who for _, who in here.traffic.flips] == ["worker v1", "legacy", "worker v1", "legacy"]


@pytest.mark.parametrize(("system", "right", "wrong"), [("worker", WORKER, DJANGO), ("legacy", DJANGO, WORKER)])
def test_any_other_run_is_answered_by_the_named_system_alone(
    system: str, right: Mapping[str, str], wrong: Mapping[str, str]
) -> None:
    """An answer of the other one is not the one that is to be measured; a bare error may be an edge's."""
    judge = side(system, any_system=False).judge("user")
    assert judge(answer(right)) == (Outcome.OK, "")
    assert judge(answer(wrong)) == (Outcome.WRONG_VERSION, "another system answered")
    for status, headers in itertools.product((502, 429, 302), ({}, wrong)):
        expected = (
            (Outcome.WRONG_VERSION, "another system answered") if headers else (Outcome.HTTP_ERROR, f"status {status}")
        )
        assert judge(answer(headers, status)) == expected

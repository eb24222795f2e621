"""Origin of responses: the named system only, or both systems of the environment while traffic is switched."""

import itertools
from collections.abc import Mapping

import pytest

from cutover.config.environments import load_environment
from cutover.config.validation import root
from cutover.load.load_client import LoadClient, SharedState
from cutover.load.preparation import load_lists
from cutover.traffic.ledger import Outcome
from cutover.traffic.wire import Response

pytestmark = pytest.mark.unit

WORKER = {"x-served-by": "list-cutter-worker", "x-worker-version": "v1"}
DJANGO = {"x-served-by": "list-cutter-django"}
UNKNOWN = {"x-served-by": "another"}


def response(headers: Mapping[str, str], status: int = 200) -> Response:
    """Return a response with a correct body."""
    head = "".join(f"\r\n{name}: {value}" for name, value in headers.items())
    return Response(status, head.encode(), b"ann", reusable=True)


def client_of(system: str, *, any_system: bool) -> LoadClient:
    """Return a client in an environment with both systems."""
    environment, state = load_environment(root(), "local"), SharedState("r")
    return LoadClient(
        system, environment, state, accounts=[], reserved=[], lists=load_lists(), version=None, any_system=any_system
    )


@pytest.mark.parametrize("system", ["worker", "legacy"])
def test_switched_traffic_accepts_both_systems_only(system: str) -> None:
    """Each system is counted with its first and last response; each change is recorded."""
    client = client_of(system, any_system=True)
    check = client.check_of("user", lambda body: body == b"ann")
    for headers in (DJANGO, DJANGO, WORKER, DJANGO, WORKER):
        assert check(response(headers)) == (Outcome.OK, "")
    assert check(response(UNKNOWN)) == (Outcome.WRONG_VERSION, "response from another system")
    assert check(response({})) == (Outcome.WRONG_VERSION, "response from another system")
    assert check(response(DJANGO, 401)) == (Outcome.HTTP_ERROR, "status 401")
    assert {who: count for who, (count, _, _) in client.state.versions.items()} == {"legacy": 4, "worker v1": 2}
    assert [who for _, who in client.state.version_changes] == ["worker v1", "legacy", "worker v1", "legacy"]


@pytest.mark.parametrize(("system", "right", "wrong"), [("worker", WORKER, DJANGO), ("legacy", DJANGO, WORKER)])
def test_other_runs_accept_the_named_system_only(
    system: str, right: Mapping[str, str], wrong: Mapping[str, str]
) -> None:
    """A response of the other system is wrong; a bare error may come from an edge."""
    check = client_of(system, any_system=False).check_of("user")
    assert check(response(right)) == (Outcome.OK, "")
    assert check(response(wrong)) == (Outcome.WRONG_VERSION, "response from another system")
    for status, headers in itertools.product((502, 429, 302), ({}, wrong)):
        expected = (
            (Outcome.WRONG_VERSION, "response from another system")
            if headers
            else (Outcome.HTTP_ERROR, f"status {status}")
        )
        assert check(response(headers, status)) == expected

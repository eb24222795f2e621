"""Probes of operator paths against the plan's endpoints without authentication."""

from collections.abc import Callable
from urllib.parse import parse_qs

import pytest

from cutover.contract.operator_paths import CHANGING_QUERIES, SWITCHES, Probe, probes

pytestmark = pytest.mark.unit

ACTIONS = {"get_status", "update_percentage", "enable_maintenance", "disable_maintenance"}


def _migration_control(path: str, methods: tuple[str, ...]) -> Callable[[Probe], int]:
    """Return the plan's migrationControl at that path, for these methods only."""

    def answer(probe: Probe) -> int:
        if probe.path != path:
            return 404
        if probe.method not in methods:
            return 405
        return 200 if parse_qs(probe.query).get("action", [""])[0] in ACTIONS else 400

    return answer


def _switch(probe: Probe) -> int:
    """Respond as the plan's POST /admin/deployment/switch, which requires a version."""
    if probe.path != "admin/deployment/switch":
        return 404
    if probe.method != "POST":
        return 405
    return 200 if (probe.body or {}).get("version") in ("blue", "green") else 400


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
def test_unauthenticated_endpoint_is_open(answer: Callable[[Probe], int]) -> None:
    """An endpoint that accepts one method only, or only its own queries, is found as well."""
    assert any(probe.is_handled(answer(probe), answer) for probe in probes(harmless=True))


def test_open_endpoint_is_found_by_a_read_query() -> None:
    """The harmless probes of staging and production find an open endpoint."""
    answer = _migration_control("admin/migration", ("GET",))
    assert any(probe.is_handled(answer(probe), answer) for probe in probes(harmless=False))


def test_changing_probes_need_a_disposable_environment() -> None:
    """Elsewhere no probe can change anything, also not by GET, because an open endpoint may ignore the method."""
    for probe in probes(harmless=False):
        assert probe.method == "GET"
        assert probe.path not in SWITCHES
        assert probe.query not in CHANGING_QUERIES
        assert probe.body is None


@pytest.mark.parametrize("status", [401, 403, 404, 405])
def test_refusal_is_closed(status: int) -> None:
    """A refusal counts as closed for every probe."""
    assert not any(probe.is_open(status) for probe in probes(harmless=True))


def test_bad_request_for_a_malformed_path_is_closed() -> None:
    """A server refuses a malformed path with 400 before any endpoint handles it."""
    for path in ("admin//deployment/current", "admin/../admin/migration"):
        assert not any(probe.is_open(400) for probe in probes(harmless=True) if probe.path == path)


@pytest.mark.parametrize("status", [302, 307, 400, 410, 422, 500, 503])
def test_equal_status_for_all_paths_is_closed(status: int) -> None:
    """A deployment that answers every unknown path alike has no operator path: a constant 400 opens none."""
    assert not any(probe.is_handled(status, lambda _: status) for probe in probes(harmless=True))


@pytest.mark.parametrize("others", [302, 400, 404, 500])
def test_open_path_is_found_among_equal_answers(others: int) -> None:
    """An endpoint is open if it succeeds, or answers otherwise than a path in its folder that does not exist."""

    def answer(probe: Probe) -> int:
        return 200 if probe.path == "admin/migration" and probe.query else others

    assert any(probe.is_handled(answer(probe), answer) for probe in probes(harmless=False))


def test_success_for_all_paths_is_open() -> None:
    """An endpoint that serves every path of its folder is open: its success needs no control."""
    assert all(probe.is_handled(200, lambda _: 200) for probe in probes(harmless=True))

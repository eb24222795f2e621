"""Tests of routes: a recorded path is matched to its operation on either system, for any routes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutover.config.environments import load_environment
from cutover.config.validation import root
from cutover.parity.replay.routes import Match, Routes, normalized

pytestmark = pytest.mark.unit
ROUTES = Routes(load_environment(root(), "local"))


@pytest.mark.parametrize(
    ("path", "operation", "ids"),
    [
        ("/api/files/a-1/download", "download", {"file_id": "a-1"}),
        ("/api/list_cutter/download/a-1/", "download", {"file_id": "a-1"}),
        ("/api/list_cutter/download/a%2D1", "download", {"file_id": "a-1"}),
        ("/api/files/", "list_files", {}),
        ("/api/%66iles", "list_files", {}),
        ("/health", "health", {}),
        ("/", "index", {}),
    ],
)
def test_path_is_an_operation_of_either_system(path: str, operation: str, ids: dict[str, str]) -> None:
    """With its parameters, percent-encoded or not, with or without a final slash."""
    assert ROUTES.find("GET", path, None) == Match(operation, ids)
    assert ROUTES.find("HEAD", path, None) == Match(operation, ids)


@pytest.mark.parametrize("path", ["/api/files/../download", "//api/files", "/api/files/a/b/download", "/files/recent"])
def test_other_paths_match_no_operation(path: str) -> None:
    """Nor is a page of the front end, unless the recording is known to be of the Worker."""
    assert ROUTES.find("GET", path, None) is None
    found = ROUTES.find("GET", "/files/recent", "worker")
    assert found == Match("front_end", {})
    assert ROUTES.find("GET", "/files/recent", "legacy") is None


@given(st.text(max_size=80))
def test_any_path_can_be_matched(text: str) -> None:
    """No content of a recording ends the search, and the shown path contains no value."""
    ROUTES.find("GET", f"/{text}", None)
    assert normalized(f"/api/{text.replace('/', '')}@/x").startswith("/api/{…}")

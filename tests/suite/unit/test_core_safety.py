"""Nothing is sent to a host that is not named, or while the kill switch is on."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutover.core.errors import Refused, Stopped
from cutover.core.safety import AllowList, KillSwitch, SafetyLevel, is_loopback, origin_of

pytestmark = pytest.mark.unit

ALLOWED = AllowList({"worker": "https://staging-api.list-cutter.com", "legacy": "http://127.0.0.1:8000"})


@pytest.mark.parametrize(
    "url",
    [
        "https://staging-api.list-cutter.com/health",
        "https://STAGING-api.list-cutter.com:443/x?y",
        "http://127.0.0.1:8000/",
    ],
)
def test_named_origins_are_permitted(url: str) -> None:
    """Scheme, host and port decide. Case and the default port do not matter."""
    ALLOWED.permit(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://staging-api.list-cutter.com/health",
        "https://staging-api.list-cutter.com:8443/",
        "https://staging-api.list-cutter.com.evil.example/",
        "https://evil.example/https://staging-api.list-cutter.com",
        "https://staging-api.list-cutter.com@evil.example/",
        "https://user:pw@staging-api.list-cutter.com/",
        "http://127.0.0.1:8001/",
        "http://localhost:8000/",
        "ftp://127.0.0.1:8000/",
        "//staging-api.list-cutter.com/",
        "/health",
        "",
    ],
)
def test_every_other_address_is_refused(url: str) -> None:
    """Another scheme, port or host, a similar name, and credentials in the URL are refused."""
    with pytest.raises(Refused):
        ALLOWED.permit(url)


@given(st.text(max_size=80))
def test_any_text_is_permitted_or_refused(url: str) -> None:
    """No URL raises another error."""
    try:
        ALLOWED.permit(url)
    except Refused:
        return
    assert origin_of(url)[1] in ("staging-api.list-cutter.com", "127.0.0.1")


def test_plain_http_is_for_loopback_only() -> None:
    """An environment cannot name a remote address without TLS."""
    with pytest.raises(ValueError, match="loopback only"):
        AllowList({"worker": "http://staging-api.list-cutter.com"})


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("127.0.0.1.evil.example", False)],
)
def test_loopback_is_recognized_by_its_full_name(host: str, *, expected: bool) -> None:
    """A name that only begins like loopback is not loopback."""
    assert is_loopback(host) is expected


def test_kill_switch_stops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the file exists, nothing is sent. Without it everything is sent."""
    monkeypatch.setenv("CUTOVER_STOP_FILE", str(tmp_path / "STOP"))
    switch = KillSwitch(tmp_path)
    switch.check()
    (tmp_path / "STOP").touch()
    with pytest.raises(Stopped, match="STOP"):
        switch.check()


def test_levels_are_ordered_and_named() -> None:
    """The order is read-only < test-data < disposable, and each label is read back."""
    assert [SafetyLevel.parse(level.label) for level in sorted(SafetyLevel)] == list(SafetyLevel)
    with pytest.raises(ValueError, match="read-only, test-data, disposable"):
        SafetyLevel.parse("everything")

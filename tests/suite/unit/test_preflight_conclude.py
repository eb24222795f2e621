"""The end of a preflight check: every finding counts, whatever happens after it."""

from collections.abc import Iterator

import pytest

from cutover.core.errors import Blocked, MeasurementError, NotVerified
from cutover.core.recorder import Recorder
from cutover.preflight.findings import ATTACHMENT, Finding, PreflightFailed, conclude

pytestmark = pytest.mark.unit


def finding(place: str, got: str) -> Finding:
    """Return a finding, always with the same name."""
    return Finding("suite:clock:worker", place, "x", got, "page", "do it")


@pytest.mark.parametrize("error", [NotVerified("no token"), MeasurementError("no reply"), Blocked({"part": "broken"})])
def test_finding_before_an_unknown_part_fails(error: Exception) -> None:
    """What was found before a part that cannot be judged fails the check, and the record says that it is incomplete."""

    def search() -> Iterator[Finding]:
        yield finding("here", "1")
        raise error

    recorder = Recorder()
    with pytest.raises(PreflightFailed):
        conclude(search(), recorder)
    assert recorder.incomplete == str(error)


def test_findings_of_one_name_are_all_shown() -> None:
    """Two addresses of one host are one finding with both places and both values."""
    recorder = Recorder()
    with pytest.raises(PreflightFailed):
        conclude([finding("first", "1"), finding("second", "2"), finding("second", "2")], recorder)
    (shown,) = recorder.attachments[ATTACHMENT]
    assert (shown["place"], shown["got"]) == ("first; second", "1; 2")


def test_check_without_findings_keeps_its_error() -> None:
    """Without a finding the reason stays: not verified, INVALID or blocked."""

    def search() -> Iterator[Finding]:
        raise NotVerified("no token")
        yield

    with pytest.raises(NotVerified):
        conclude(search(), Recorder())

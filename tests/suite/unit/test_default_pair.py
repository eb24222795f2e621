"""The pair `default` is used without its name only if it is this checkout's and honest."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from cutover.config.environment_option import named_environment
from cutover.config.validation import ConfigurationError, root
from cutover.embedded import packages, state
from cutover.embedded.default_pair import unnamed_pair
from cutover.embedded.pair_error import USAGE, PairError
from cutover.embedded.state import PairState

pytestmark = pytest.mark.unit


def running(**more: Any) -> PairState:
    """Return the state of an honest pair of this checkout, with other values for some fields."""
    texts = {field.name: "x" for field in dataclasses.fields(PairState) if field.type == "str"}
    values = {**texts, "pid": 1, "started": 0.0, "rate_limit": (1, 1), "reference_dir": str(packages.reference())}
    return PairState(**{**values, **more})


@pytest.mark.parametrize("found", [None, running()])
def test_own_honest_pair_is_used(monkeypatch: pytest.MonkeyPatch, found: PairState | None) -> None:
    """The honest pair of this checkout needs no name; without one, there is none."""
    monkeypatch.setattr(state, "read", {"default": found}.get)
    assert unnamed_pair() is found


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"reference_dir": str(Path("/elsewhere/reference"))}, "is from another checkout (/elsewhere/reference)"),
        ({"fault": "worker foreign-download planted"}, "serves a planted fault or a variant (worker foreign-download"),
    ],
)
def test_other_pair_is_refused_unless_named(monkeypatch: pytest.MonkeyPatch, more: dict[str, str], reason: str) -> None:
    """Gates and commands end with 4, and the message has the reason and the option that uses the pair."""
    monkeypatch.setattr(state, "read", {"default": running(**more)}.get)
    with pytest.raises(PairError) as refused:
        unnamed_pair()
    assert refused.value.exit_code == USAGE
    assert reason in str(refused.value)
    assert "--pair default" in str(refused.value)
    with pytest.raises(ConfigurationError, match="--pair default"):
        named_environment(root(), "embedded", None)

"""Tests of the written journeys: an accepted mistake of one step must not change the response to a later one."""

import itertools
from typing import Any

import pytest

from cutover.parity.journeys import written
from cutover.parity.steps import Own, Step

pytestmark = pytest.mark.unit

JOURNEYS = {journey.name: journey for journey in written()}
DESTRUCTIVE = ("delete", "delete_account")


def text(value: Any, actor: str) -> str:
    """Return a field of a step as it is sent, with a placeholder for the account's own value."""
    if isinstance(value, Own):
        own = f"{value.before}{value.field} of {value.actor or actor}{value.after}"
        return own.upper() if value.change == "upper" else own
    return str([text(inner, actor) for inner in value]) if isinstance(value, list) else str(value)


def registrations(name: str) -> list[Step]:
    """Return the steps of a journey that register with a name and an e-mail."""
    return [step for step in JOURNEYS[name].steps if step.operation == "register" and step.fields is not None]


@pytest.mark.parametrize("field", ["username", "email"])
def test_registration_mistake_takes_no_other_name(field: str) -> None:
    """No two mistakes share a name or an e-mail, except those that use a name that is taken on purpose."""
    steps = registrations("registration_mistakes")
    sent = [text((step.fields or {})[field], step.actor) for step in steps]
    own = [value for value in sent if "of ann" not in value.lower()]
    assert len(own) > 10
    assert len(own) == len(set(own))


def test_wrong_token_is_tried_on_its_own_account() -> None:
    """After a step that deletes an account or a file, no step with another wrong token uses that account."""
    steps = JOURNEYS["without_a_token"].steps
    for position, step in enumerate(steps):
        if step.operation in DESTRUCTIVE:
            later = {other.bearer for other in steps[position + 1 :] if other.actor == step.actor}
            assert later <= {step.bearer, "access"}


def test_saved_response_is_saved_once() -> None:
    """In each journey a step refers to one earlier response, so two steps never save under one name."""
    for journey in written():
        saved = [step.saves for step in journey.steps if step.saves and step.operation == "upload"]
        repeated = {name for name, group in itertools.groupby(sorted(saved)) if len(list(group)) > 1}
        assert repeated == set(), journey.name

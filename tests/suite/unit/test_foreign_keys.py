"""Tests of the keys with which the other environments sign their tokens."""

import tomllib
from collections.abc import Mapping
from typing import Any

import pytest

from cutover.config.environment import ForeignKey
from cutover.config.environment_secrets import read_foreign_keys
from cutover.core.secrets import Secret

pytestmark = pytest.mark.unit

TABLES = """
[own]
worker = { url = "https://own.example" }
secrets = { worker_jwt_secret = "OWN_KEY" }
[staging]
worker = { url = "https://staging.example" }
legacy = { url = "https://django.example" }
secrets = { worker_jwt_secret = "STAGING_KEY", legacy_jwt_secret = "DJANGO_KEY", r2_access_key_id = "R2" }
"""
URLS = {"worker": "https://own.example"}
SET = {"STAGING_KEY": "key of staging", "DJANGO_KEY": "key of django", "OWN_KEY": "own key", "R2": "an id"}


def keys(more: str = "", *, tables: str = TABLES, variables: Mapping[str, str] | None = None) -> list[ForeignKey]:
    """Return the foreign keys of the environment "own"."""
    return list(read_foreign_keys(tomllib.loads(tables + more), "own", URLS, SET if variables is None else variables))


def test_signing_keys_of_others_are_read() -> None:
    """Only the secrets that sign tokens, and none of the environment itself."""
    assert keys() == [
        ForeignKey("staging", "worker_jwt_secret", "STAGING_KEY", Secret("key of staging")),
        ForeignKey("staging", "legacy_jwt_secret", "DJANGO_KEY", Secret("key of django")),
    ]


@pytest.mark.parametrize("variables", [{}, {"STAGING_KEY": ""}])
def test_unset_variable_gives_no_key(variables: dict[str, str]) -> None:
    """A variable that is not set, or empty, is listed without a key."""
    assert [(each.variable, each.key) for each in keys(variables=variables)] == [
        ("STAGING_KEY", None),
        ("DJANGO_KEY", None),
    ]


def test_key_of_the_same_system_is_not_foreign() -> None:
    """Another table of the same address has the same key."""
    more = '[pool]\nworker = { url = "https://OWN.example/" }\nsecrets = { worker_jwt_secret = "POOL_KEY" }\n'
    assert "pool" not in {each.name for each in keys(more)}


def test_shared_variable_is_not_foreign() -> None:
    """Two tables that name one variable declare that they share the key."""
    more = '[green]\nworker = { url = "https://green.example" }\nsecrets = { worker_jwt_secret = "OWN_KEY" }\n'
    assert "green" not in {each.name for each in keys(more)}


@pytest.mark.parametrize(
    "wrong",
    [
        "other = 1\n",
        '[other]\nsecrets = "text"\n',
        "[other]\nsecrets = { worker_jwt_secret = 1 }\n",
        '[other]\nworker = "text"\nsecrets = { worker_jwt_secret = "OTHER_KEY" }\n',
    ],
)
def test_wrong_table_of_another_is_no_error(wrong: str) -> None:
    """A mistake in another environment's table is reported when that environment is used."""
    found: list[Any] = keys(tables=wrong + TABLES) if wrong.startswith("other") else keys(wrong)
    assert {each.name for each in found} - {"other"} == {"staging"}

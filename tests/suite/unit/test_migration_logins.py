"""Tests of password hashes that the Worker can verify, against Django's hashers, and of the list of known passwords."""

import base64
import hashlib
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from django.contrib.auth.hashers import (
    Argon2PasswordHasher,
    MD5PasswordHasher,
    PBKDF2PasswordHasher,
    PBKDF2SHA1PasswordHasher,
    ScryptPasswordHasher,
)
from hypothesis import given
from hypothesis import strategies as st

from cutover.accounts.migrated_accounts import ACTIVE_LIMIT, DISABLED_LIMIT, migrated_accounts
from cutover.config.environments import Environment
from cutover.config.validation import ConfigurationError, root
from cutover.core.errors import NotVerified
from cutover.migration.findings import Findings, Kind, Part
from cutover.migration.logins import verify_hashes, why_unusable
from cutover.migration.mapping_file import load_mapping

pytestmark = pytest.mark.unit

RULES = load_mapping(root()).logins
SALT = "nJ1d0KvQpZ7sYx2RtLwA4e"


def hashed(iterations: int, salt: str = SALT) -> str:
    """Return a hash in Django's format."""
    derived = hashlib.pbkdf2_hmac("sha256", b"password", salt.encode(), min(iterations, 10))
    return f"pbkdf2_sha256${iterations}${salt}${base64.b64encode(derived).decode()}"


@given(
    st.integers(1, 100_000), st.text(st.characters(codec="utf-8", exclude_characters="$\0"), min_size=1, max_size=30)
)
def test_every_hash_within_the_limit_is_usable(iterations: int, salt: str) -> None:
    """With any salt."""
    assert why_unusable(RULES, hashed(iterations, salt)) is None
    assert why_unusable(RULES, hashed(iterations, salt).encode()) is None


def test_djangos_hashes_are_usable_within_the_limit() -> None:
    """Django's default iterations would lock users out."""
    assert why_unusable(RULES, PBKDF2PasswordHasher().encode("password", SALT, 100_000)) is None
    default = PBKDF2PasswordHasher.iterations
    assert default > RULES.max_iterations
    assert why_unusable(RULES, hashed(default)) == f"pbkdf2_sha256, {default:,} iterations"
    assert why_unusable(RULES, hashed(100_001)) == "pbkdf2_sha256, 100,001 iterations"
    others = {
        PBKDF2SHA1PasswordHasher().encode("password", SALT, 1): "algorithm pbkdf2_sha1",
        MD5PasswordHasher().encode("password", SALT): "algorithm md5",
        ScryptPasswordHasher().encode("password", SALT, n=2): "algorithm scrypt",
        f"{Argon2PasswordHasher.algorithm}$argon2id$v=19$m=102400,t=2,p=8$c2FsdA$aGFzaA": "algorithm argon2",
        "!aVeryLongRandomText": "no password (Django's mark)",
        "": "nothing",
        "password": "not a hash in Django's format",
        hashed(1000)[:-1]: "pbkdf2_sha256, with a truncated or malformed hash",
        hashed(1000)[:-8]: "pbkdf2_sha256, with a hash of 27 bytes instead of 32",
        hashed(1000).rpartition("$")[0]: "pbkdf2_sha256, truncated or malformed",
        hashed(1000).replace("$1000$", "$01000$"): "pbkdf2_sha256, 01000 iterations",
        hashed(1000).replace("$1000$", f"${10**40}$"): "pbkdf2_sha256, 100000000… iterations",
        hashed(1000, ""): "pbkdf2_sha256, truncated or malformed",
        f" {hashed(1000)}": "not a hash in Django's format",
        f"{hashed(1000)}\n": "pbkdf2_sha256, truncated or malformed",
    }
    assert {text: why_unusable(RULES, text) for text in others} == others


def test_disabled_account_may_have_any_hash() -> None:
    """It may not log in anyway; NULL, a text and 2 are not disabled."""
    findings = Findings()
    rows: list[tuple[Any, Any, Any]] = [
        (1, 1, hashed(1000)), (2, 0, "!gone"), (3, 1, "!gone"), (4, None, "md5$a$b"), (5, "0", None),
        (6, 2, hashed(10**6)),
    ]  # fmt: skip
    numbers = verify_hashes(RULES, rows, findings)
    assert numbers.as_json() == {"accounts": 6, "disabled": 1, "verified": 1, "logged_in": 0, "refused": 0}
    ((place, count),) = findings.counts.items()
    assert (place, count) == ((Part.LOGINS, "users", "password", Kind.UNUSABLE), 4)
    told = findings.samples[place]
    assert [finding.key for finding in told] == ["3", "4", "5", "6"]
    assert SALT not in str(told)


def listed(tmp_path: Path, text: str) -> Environment:
    """Return an environment with a file of accounts with this text."""
    (tmp_path / "accounts.json").write_text(text)
    return cast(Environment, SimpleNamespace(name="here", migrated_accounts=tmp_path / "accounts.json"))


def test_accounts_are_sampled_evenly(tmp_path: Path) -> None:
    """As many active and disabled ones as the limits allow; a short list is used completely."""
    rows = [
        {"username": f"user {n}", "password": f"password {n}", "is_active": n % 10 != 0, "email": "" if n == 1 else "x"}
        for n in range(200)
    ]
    found = migrated_accounts(listed(tmp_path, json.dumps(rows)))
    assert [account.active for account in found] == [True] * ACTIVE_LIMIT + [False] * DISABLED_LIMIT
    assert [account.without_email for account in found] == [True] + [False] * (len(found) - 1)
    assert (found[0].label, found[ACTIVE_LIMIT].label) == ("account 2", "account 1")
    assert len({account.username for account in found}) == len(found)
    assert len(migrated_accounts(listed(tmp_path, json.dumps(rows[:3])))) == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "expected JSON"),
        ("[]", "expected a list of accounts"),
        ('{"username": "a"}', "expected a list of accounts"),
        ('["a"]', r"account 1.*expected an account"),
        ('[{"username": "a"}]', r"account 1.password"),
        ('[{"username": "", "password": "x"}]', r"account 1.username.*empty"),
        ('[{"username": "a", "password": "x", "is_active": 1}]', r"account 1.is_active"),
    ],
)
def test_unreadable_account_list_names_its_place(tmp_path: Path, text: str, message: str) -> None:
    """The error names file, key and fix."""
    with pytest.raises(ConfigurationError, match=message):
        migrated_accounts(listed(tmp_path, text))


def test_missing_account_list_is_not_verified(tmp_path: Path) -> None:
    """The environment names none, or the pair was not migrated."""
    with pytest.raises(NotVerified, match="names no migrated_accounts"):
        migrated_accounts(cast(Environment, SimpleNamespace(name="here", migrated_accounts=None)))
    with pytest.raises(NotVerified, match="does not exist"):
        migrated_accounts(cast(Environment, SimpleNamespace(name="here", migrated_accounts=tmp_path / "no.json")))

"""Check that migrated accounts can log in: the form of every hash, and real logins if a password is known.

A hash that Workers cannot verify is a failed migration, even if it was copied byte for byte. No hash is kept or
shown. table_comparison.py compares the hashes of both sides.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cutover.accounts.migrated_accounts import MigratedAccount
from cutover.core.errors import CheckFailed
from cutover.migration.findings import Finding, Findings, Kind, Part
from cutover.migration.mapping import LoginRules
from cutover.systems.target import Result, Target

_SHA256_BYTES: Final = 32
# contracts/api.md, Accounts: pbkdf2_sha256$ITERATIONS$SALT$HASH, Django's form.
_FORM: Final = re.compile(r"([A-Za-z0-9_]+)\$([0-9]+)\$([^$]+)\$([A-Za-z0-9+/]+={0,2})")
_DIGITS: Final = 9
_BY_PREFIX: Final = {"!": "no password (Django's mark)", "": "nothing"}
ACTIVE_COLUMN: Final = "is_active"


@dataclass
class LoginNumbers:
    """Exact numbers.

    accounts: all; disabled: with any hash, because they may not log in anyway; verified: with a hash that the target
    can verify. logged_in, refused: logins that ended as they must.
    """

    accounts: int = 0
    disabled: int = 0
    verified: int = 0
    logged_in: int = 0
    refused: int = 0

    def as_json(self) -> dict[str, int]:
        """Plain data."""
        return dict(vars(self))


def login_columns(rules: LoginRules, key: str) -> tuple[str, str, str]:
    """Return the columns of D1 that `verify_hashes` needs, in its order. key: of the table's rows."""
    return key, ACTIVE_COLUMN, rules.column


def verify_hashes(
    rules: LoginRules, rows: Iterable[Sequence[Any]], findings: Findings, *, reverse: bool = False
) -> LoginNumbers:
    """Check the hash of every account. Adds a finding for each active account whose hash cannot be verified.

    rows: cells of D1 as `login_columns` names them. reverse: the target is Django, which has no limit of iterations.
    A finding names the algorithm and the iterations of a hash and nothing else.
    """
    numbers = LoginNumbers()
    for key, active, stored in rows:
        numbers.accounts += 1
        if active == 0 and isinstance(active, int):
            numbers.disabled += 1
            continue
        reason = why_unusable(rules, stored, limited=not reverse)
        if reason is None:
            numbers.verified += 1
            continue
        expected = rules.algorithm if reverse else f"{rules.algorithm}, at most {rules.max_iterations:,} iterations"
        findings.add(
            Finding(
                Part.LOGINS,
                rules.table,
                Kind.UNUSABLE,
                _text(key),
                rules.column,
                json.dumps(expected),
                json.dumps(reason, ensure_ascii=False),
                "this user could not log in",
            )
        )
    return numbers


def why_unusable(rules: LoginRules, stored: Any, *, limited: bool = True) -> str | None:
    """Return why a hash cannot be verified, without any part of salt or hash; None if it can.

    limited: the Worker verifies it. Cloudflare's runtime refuses PBKDF2 with more than 100,000 iterations
    (NotSupportedError, workerd issue 1346).
    """
    text = _text(stored) if stored is not None else ""
    if text[:1] in _BY_PREFIX:
        return _BY_PREFIX[text[:1]]
    form = _FORM.fullmatch(text)
    algorithm = text.partition("$")[0]
    if algorithm != rules.algorithm:
        known = re.fullmatch(r"[a-z][a-z0-9_]{2,24}", algorithm)
        return f"algorithm {algorithm}" if known and "$" in text else "not a hash in Django's format"
    if form is None:
        return f"{algorithm}, truncated or malformed"
    iterations = form[2]
    if iterations.startswith("0") or len(iterations) > _DIGITS:
        more = "…" if len(iterations) > _DIGITS else ""
        return f"{algorithm}, {iterations[:_DIGITS]}{more} iterations"
    if limited and int(iterations) > rules.max_iterations:
        return f"{algorithm}, {int(iterations):,} iterations"
    try:
        length = len(base64.b64decode(form[4], validate=True))
    except binascii.Error:
        return f"{algorithm}, with a truncated or malformed hash"
    return None if length == _SHA256_BYTES else f"{algorithm}, with a hash of {length} bytes instead of {_SHA256_BYTES}"


def log_in_all(target: Target, accounts: Sequence[MigratedAccount], numbers: LoginNumbers, findings: Findings) -> None:
    """Log in every account with a known password on the target. Disabled accounts must be refused.

    Sends a wrong password for each account too, because a system that accepts any password would pass otherwise. Adds a
    finding for each account with another result. Raises CheckFailed for a status other than 200 and 401.
    """
    for account in accounts:
        result = _log_in(target, account, account.password.reveal())
        let_in = result.status in result.operation.statuses
        if let_in != account.active:
            findings.add(_otherwise(account, result.status))
            continue
        if let_in:
            result.secret("access_token")
            numbers.logged_in += 1
        else:
            numbers.refused += 1
        wrong = _log_in(target, account, account.password.reveal() + "x")
        if wrong.status in wrong.operation.statuses:
            findings.add(_otherwise(account, wrong.status, "with a wrong password"))


def _log_in(target: Target, account: MigratedAccount, password: str) -> Result:
    result = target.call("login", fields={"username": account.username.reveal(), "password": password})
    if result.status not in (*result.operation.statuses, 401):
        raise CheckFailed(
            "logins:answer",
            expected="status 200 or 401",
            got=result.answer.excerpt,
            source=result.answer.source,
            contract=f"{result.operation.where}; contracts/api.md, Accounts",
            do_next="does the answering system use the database that was migrated into?",
        )
    return result


def _otherwise(account: MigratedAccount, status: int, how: str = "with its own password") -> Finding:
    expected = "logged in" if account.active and how.endswith("own password") else "refused (401)"
    return Finding(
        Part.LOGINS,
        "users",
        Kind.UNUSABLE,
        account.label,
        None,
        json.dumps(expected),
        json.dumps(f"status {status}"),
        f"a {'' if account.active else 'disabled '}migrated account, {how}",
    )


def _text(value: Any) -> str:
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)

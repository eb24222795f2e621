"""Test accounts that the suite registers, lists in a ledger before they are created, and removes with their data."""

from __future__ import annotations

import base64
import errno
import hashlib
import hmac
import itertools
import json
import os
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cutover.accounts.sessions import TOKENS, take_session
from cutover.client.account_markers import MAIL_DOMAIN, NAMESPACE
from cutover.core.errors import Blocked, MeasurementError, NotVerified
from cutover.core.recorder import Recorder
from cutover.core.secrets import PASSWORD_PREFIX, Secret, new_password
from cutover.systems.target import Result, Target


@dataclass
class Account:
    """An account of one system, with the tokens of its registration or login.

    before: ids of the files that a pool account had before the check; empty for a registered account. logins: number
    of logins by which the suite got its tokens. marker: text that only data of this account contains; "" for none.
    """

    username: str
    email: str
    password: Secret = field(repr=False)
    user_id: object = None
    access_token: Secret = field(default_factory=lambda: Secret(""), repr=False)
    refresh_token: Secret = field(default_factory=lambda: Secret(""), repr=False)
    before: frozenset[str] = frozenset()
    logins: int = 0
    marker: str = ""

    def own(self, listed: Result) -> list[dict[str, Any]]:
        """Return the files of a list response that did not exist before the check."""
        return [entry for entry in listed.entries("files") if str(entry["file_id"]) not in self.before]


class RemovalError(Exception):
    """The response proves neither that the account is removed nor that it does not exist."""


class Accounts:
    """The accounts that a check registers on one target, and their removal.

    Names have the form cutover-RUN-RANDOM-N and are unique, also between parallel runs. Each name is appended to the
    run's ledger before the request is sent, so that `cutover cleanup` finds the accounts of a killed run. With the
    environment's account_key the password is derived from the name, so that the cleanup can log in.
    """

    def __init__(self, target: Target, run: str, ledger: Path | None, *, at_once: int = 1, label: str = "") -> None:
        """ledger: JSON Lines file of created and removed names, None for no ledger. at_once: number of accounts that
        the check uses at the same time; only a pool needs it (pool.py). label: unique hexadecimal digits, if accounts
        of two systems must have the same names.
        """
        self.run, self._at_once = run, at_once
        self._target, self._ledger = target, ledger
        self._key = target.environment.secrets.get("account_key")
        self._prefix = f"{NAMESPACE}-{run}-{label or secrets.token_hex(3)}"
        self._numbers = itertools.count(1)
        self._open: list[Account] = []
        self._measurement_error: MeasurementError | None = None

    @property
    def system(self) -> str:
        """Return the name of the system."""
        return self._target.system

    def for_target(self, target: Target) -> Accounts:
        """Return accounts of another system. The caller closes them."""
        return Accounts(target, self.run, self._ledger)

    def name(self, ending: str = "") -> Account:
        """Return a new account's name, email address and password. Nothing is sent, but `close` tries to remove it.

        ending: suffix of the name, for names with unusual characters.
        """
        account = self._unused(ending)
        self._open.append(account)
        self._note("named", account)
        return account

    def set_password(self, account: Account, password: Secret) -> None:
        """Use this password for an account that is not registered yet.

        A killed run cannot be cleaned up with it, so the ledger names no key for the account: the cleanup lists it.
        """
        account.password = password
        self._target.client.markers.add(account.marker, password)
        if self._ledger is not None:
            note(self._ledger, "named", self._target.environment.name, self._target.system, account.username, None)

    def _unused(self, ending: str = "") -> Account:
        base = f"{self._prefix}-{next(self._numbers)}"
        username = base + ending
        password = derived_password(self._key, self._target.system, username) if self._key else new_password()
        self._target.client.markers.add(base, password)
        return Account(username, f"{base}@{MAIL_DOMAIN}", password, marker=base)

    def register(self, account: Account) -> Result:
        """Send the registration of an account. Return the response, whatever its status."""
        return self._target.call(
            "register",
            fields={
                "username": account.username,
                "email": account.email,
                "password": account.password,
                "password_again": account.password,
            },
        )

    def new(self) -> Account:
        """Register an account and return it with its tokens. Raises Blocked if that fails (`Target.needs`).

        If the registration succeeds without tokens, which is the finding of another check, the account logs in.
        """
        account = self.name()
        with self._target.needs("register"):
            result = self.register(account).expect_status()
        self.open_session(account, result)
        return account

    def open_session(self, account: Account, registered: Result) -> None:
        """Set the account's id and tokens from a successful registration, or log in if it has no tokens.

        Raises Blocked if neither gives them (`Target.needs`).
        """
        try:
            with self._target.needs(TOKENS):
                take_session(self._target, account, registered)
        except Blocked as incomplete:
            if f"{TOKENS} on {self._target.system}" not in incomplete.causes:
                raise
            try:
                self._log_in(account)
            except Blocked as also:
                raise Blocked({**incomplete.causes, **also.causes}) from None

    def _log_in(self, account: Account) -> None:
        """Log in and replace the account's tokens. Raises Blocked if that fails (`Target.needs`)."""
        with self._target.needs("login"):
            fields = {"username": account.username, "password": account.password}
            login = self._target.call("login", fields=fields).expect_status()
            take_session(self._target, account, login, id_required=False)
        account.logins += 1

    def forget(self, account: Account) -> None:
        """Mark an account as removed by the check itself."""
        self._open.remove(account)
        self._note("removed", account)

    def close(self, recorder: Recorder) -> None:
        """Remove all accounts and record the leftovers.

        Raises MeasurementError, after all removals were tried, on an identity mismatch or if the system is unreachable:
        the responses of the check may then be from another system as well.
        """
        recorder.leftovers.extend(self.remove_all())
        if self._measurement_error is not None:
            raise self._measurement_error

    def remove_all(self) -> list[str]:
        """Remove all remaining accounts with their files. Return the ones that could not be removed, with the reason.

        If an account's token is no longer valid, it logs in again. An account without a token whose login is refused
        (401) was never created and is not a leftover.
        """
        left = []
        for account in reversed(self._open):
            reason = self._remove(account)
            if reason is None:
                self._note("removed", account)
            else:
                left.append(f"{self._target.system} account {account.username}: {reason}")
        self._open.clear()
        return left

    def _remove(self, account: Account) -> str | None:
        """Return why an account could not be removed, None if it is removed."""
        try:
            if account.access_token.reveal():  # saves a login, which hashes a password
                fields = {"password": account.password}
                gone = self._target.call("delete_account", token=account.access_token, fields=fields)
                if gone.status in gone.operation.statuses:
                    return None
            found = remove_account(self._target, account.username, account.password)
        except NotVerified as error:
            return str(error)
        except MeasurementError as error:
            self._measurement_error = self._measurement_error or error
            return str(error).splitlines()[0]
        except Exception as error:  # noqa: BLE001 - it is listed, and the run continues
            return str(error).splitlines()[0] if str(error) else type(error).__name__
        return None if found or not account.access_token.reveal() else "login answered 401"

    def _note(self, event: str, account: Account) -> None:
        if self._ledger is not None:
            environment, system = self._target.environment.name, self._target.system
            note(self._ledger, event, environment, system, account.username, key_id(self._key) if self._key else None)


def remove_account(target: Target, username: str, password: Secret) -> bool:
    """Log in and delete an account with its data. Return False if there is none: the login is refused with 401.

    Tries a second time after any other response, because another process may be removing the account. Raises
    RemovalError if that fails as well, and the errors of Target.call.
    """
    existed, problem = False, ""
    for _ in range(2):
        login = target.call("login", fields={"username": username, "password": password})
        if login.is_status(401):
            return existed
        if login.status not in login.operation.statuses:
            problem = f"login answered {login.status} (request {login.answer.request_id})"
            continue
        existed, token = True, login.secret("access_token")
        gone = target.call("delete_account", token=token, fields={"password": password})
        if gone.status in gone.operation.statuses:
            return True
        problem = f"delete_account answered {gone.status} (request {gone.answer.request_id})"
    raise RemovalError(problem)


def derived_password(key: Secret, system: str, username: str) -> Secret:
    """Return an account's password: 132 bits of HMAC-SHA256 (RFC 2104) over system and name.

    It can be derived again from the key, so no passwords are stored. `redact` recognizes its form.
    """
    code = hmac.digest(key.reveal().encode(), f"{system}\n{username}".encode(), hashlib.sha256)
    return Secret(PASSWORD_PREFIX + base64.urlsafe_b64encode(code).decode()[:22])


def key_id(key: Secret) -> str:
    """Return eight hexadecimal digits that identify an account_key without disclosing it."""
    return hmac.digest(key.reveal().encode(), b"cutover: id of this account_key", hashlib.sha256).hex()[:8]


def note(
    ledger: Path, event: str, environment: str, system: str, account: str, key: str | None, *, item: str | None = None
) -> None:
    """Append one line to a ledger. event: named, removed, gone; key: id of the account_key, None for a random password.

    item: "file ID" or "filter ID" that was created (event "made") or removed ("unmade") in a pool account; `account` is
    then the account's environment variable. Raises OSError if the line was not written completely.
    """
    fields = {"event": event, "environment": environment, "system": system, "account": account, "key": key}
    fields |= {"thing": item} if item else {}
    line = (json.dumps({"at": round(time.time(), 3), **fields}) + "\n").encode()
    file = os.open(ledger, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
    try:
        if os.write(file, line) != len(line):  # one write per line: lines of several processes do not mix
            raise OSError(errno.ENOSPC, "the line was truncated", str(ledger))
    finally:
        os.close(file)


def unremoved(ledger: Path, listed: Sequence[str]) -> list[str]:
    """Return the test data that the ledger does not list as removed, except for what is already listed.

    After an interruption the fixtures that report leftovers may not have run.
    """
    try:
        entries = [json.loads(line) for line in ledger.read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError):
        return []
    unclosed: dict[tuple[str, str], str] = {}
    for entry in entries:
        account, item = entry["account"], entry.get("thing")
        key = entry["system"], item or account
        if entry["event"] in ("named", "made"):
            unclosed[key] = f"{item} of {account}" if item else f"account {account}"
        else:
            unclosed.pop(key, None)
    return [
        f"{system} {label}: the run ended before it was removed"
        for (system, name), label in unclosed.items()
        if not any(name in line for line in listed)
    ]

"""Test accounts: named, remembered before they are made, and removed again with all that they own.

Not for accounts that people gave to the suite: named_accounts.py; not for what registering must do: tests/smoke; and
not for finding what a killed run left: sweep.py.
"""

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
from typing import Any, Final

from cutover.core.errors import MeasurementError, NotVerified
from cutover.core.recorder import Recorder
from cutover.core.secrets import PASSWORD_PREFIX, Secret, new_password
from cutover.systems.target import Result, Target

NAMESPACE: Final = "cutover"
MAIL_DOMAIN: Final = "cutover.invalid"


@dataclass
class Account:
    """One account of one system, with the tokens of its registration or login.

    before: ids of the files that a named account had before the check; none for an account of our own.
    """

    username: str
    email: str
    password: Secret = field(repr=False)
    user_id: object = None
    access_token: Secret = field(default_factory=lambda: Secret(""), repr=False)
    refresh_token: Secret = field(default_factory=lambda: Secret(""), repr=False)
    before: frozenset[str] = frozenset()

    def own(self, listed: Result) -> list[dict[str, Any]]:
        """The files of a list that were not there before the check."""
        return [entry for entry in listed.entries("files") if str(entry["file_id"]) not in self.before]


class RemovalError(Exception):
    """The system answered neither that the account is removed nor that there is none; the text says what."""


class Accounts:
    """Makes accounts on a target and removes them.

    Names are cutover-RUN-RANDOM-N: never the same twice, also not in two runs at once. Each name is
    appended to the run's ledger before the request is sent, so that what a killed run left can be found.
    With the environment's account_key a password follows from the name, so that it can be removed, too.
    """

    def __init__(self, target: Target, run: str, ledger: Path | None, *, at_once: int = 1, label: str = "") -> None:
        """ledger: JSON Lines file of names that were made and removed; None keeps none. at_once: how many the check
        says that it uses at the same time, which matters where there are only so many (named_accounts.py).
        label: hexadecimal digits that nobody else uses, where two systems get accounts of the same names.
        """
        self.run, self._at_once = run, at_once
        self._target, self._ledger = target, ledger
        self._key = target.environment.secrets.get("account_key")
        self._prefix = f"{NAMESPACE}-{run}-{label or secrets.token_hex(3)}"
        self._numbers = itertools.count(1)
        self._open: list[Account] = []
        self._untrusted: MeasurementError | None = None

    @property
    def system(self) -> str:
        """The system that they are on."""
        return self._target.system

    def beside(self, target: Target) -> Accounts:
        """Accounts of the same kind on the other system, to be closed by whoever asked for them."""
        return Accounts(target, self.run, self._ledger)

    def name(self, ending: str = "") -> Account:
        """A new account's name, mail and password. Nothing is sent; it is removed all the same at the end.

        ending: what the name ends with, for names of a special kind.
        """
        account = self._invented(ending)
        self._open.append(account)
        self._note("named", account)
        return account

    def _invented(self, ending: str = "") -> Account:
        base = f"{self._prefix}-{next(self._numbers)}"
        username = base + ending
        password = derived_password(self._key, self._target.system, username) if self._key else new_password()
        return Account(username, f"{base}@{MAIL_DOMAIN}", password)

    def register(self, account: Account) -> Result:
        """Send the registration of that account and return what came back, whatever it is."""
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
        """A registered account with its tokens. Raises CheckFailed when the system gives none."""
        account = self.name()
        result = self.register(account).expect_status()
        account.user_id = result.field("user_id")
        account.access_token = result.secret("access_token")
        account.refresh_token = result.secret("refresh_token")
        return account

    def forget(self, account: Account) -> None:
        """The check removed this account itself, and proved it."""
        self._open.remove(account)
        self._note("removed", account)

    def close(self, recorder: Recorder) -> None:
        """Remove every account and write down what is left over.

        Raises MeasurementError, after all were tried, when another system answered or none did: the
        check's own answers may then be another's as well.
        """
        recorder.leftovers.extend(self.remove_all())
        if self._untrusted is not None:
            raise self._untrusted

    def remove_all(self) -> list[str]:
        """Remove every account that is left, with its files. Returns what could not be removed, and why.

        An account whose token is spent logs in anew. One whose registration gave no token and that
        cannot log in (401) never came to be and is not left over.
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
        try:
            if account.access_token.reveal():  # spares the login, and the hashing of one more password
                fields = {"password": account.password}
                gone = self._target.call("delete_account", token=account.access_token, fields=fields)
                if gone.status in gone.operation.statuses:
                    return None
            found = remove_account(self._target, account.username, account.password)
        except NotVerified as error:
            return str(error)
        except MeasurementError as error:
            self._untrusted = self._untrusted or error
            return str(error).splitlines()[0]
        except Exception as error:  # noqa: BLE001 - whatever stops the removal, it is listed and the run goes on
            return str(error).splitlines()[0] if str(error) else type(error).__name__
        return None if found or not account.access_token.reveal() else "login answered 401"

    def _note(self, event: str, account: Account) -> None:
        if self._ledger is not None:
            environment, system = self._target.environment.name, self._target.system
            note(self._ledger, event, environment, system, account.username, key_id(self._key) if self._key else None)


def remove_account(target: Target, username: str, password: Secret) -> bool:
    """Log in and delete the account with all that it owns. False when there is none: the login is refused with 401.

    Asks a second time after any other answer, since somebody else may have been removing it at that moment.
    Raises RemovalError when that is no better, and what Target.call raises.
    """
    there, problem = False, ""
    for _ in range(2):
        login = target.call("login", fields={"username": username, "password": password})
        if login.status == 401:
            return there
        if login.status not in login.operation.statuses:
            problem = f"login answered {login.status} (request {login.answer.request_id})"
            continue
        there, token = True, login.secret("access_token")
        gone = target.call("delete_account", token=token, fields={"password": password})
        if gone.status in gone.operation.statuses:
            return True
        problem = f"delete_account answered {gone.status} (request {gone.answer.request_id})"
    raise RemovalError(problem)


def derived_password(key: Secret, system: str, username: str) -> Secret:
    """The password of that account: 132 bits of HMAC-SHA256 (RFC 2104) over system and name.

    Whoever has the key has the password, without a list of passwords; `redact` knows its shape.
    """
    code = hmac.digest(key.reveal().encode(), f"{system}\n{username}".encode(), hashlib.sha256)
    return Secret(PASSWORD_PREFIX + base64.urlsafe_b64encode(code).decode()[:22])


def key_id(key: Secret) -> str:
    """Eight hexadecimal digits that tell one account_key from another and do not give it away."""
    return hmac.digest(key.reveal().encode(), b"cutover: id of this account_key", hashlib.sha256).hex()[:8]


def note(
    ledger: Path, event: str, environment: str, system: str, account: str, key: str | None, *, thing: str | None = None
) -> None:
    """Append one line to a ledger. event: named, removed, gone; key: id of the account_key, None for a random password.

    thing: "file ID" or "filter ID" that was made or unmade in a named account; `account` is then its variable.
    Raises OSError when the line is not there as a whole.
    """
    fields = {"event": event, "environment": environment, "system": system, "account": account, "key": key}
    fields |= {"thing": thing} if thing else {}
    line = (json.dumps({"at": round(time.time(), 3), **fields}) + "\n").encode()
    file = os.open(ledger, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
    try:
        if os.write(file, line) != len(line):  # one write of one line: processes do not mix
            raise OSError(errno.ENOSPC, "the line was cut off", str(ledger))
    finally:
        os.close(file)


def unremoved(ledger: Path, listed: Sequence[str]) -> list[str]:
    """Accounts, and things in named accounts, that the ledger names and nobody removed, but for what is listed already.

    After an interruption the fixtures that would have said so never came to their end.
    """
    try:
        entries = [json.loads(line) for line in ledger.read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError):
        return []
    open_ones: dict[tuple[str, str], str] = {}
    for entry in entries:
        account, thing = entry["account"], entry.get("thing")
        key = entry["system"], thing or account
        if entry["event"] in ("named", "made"):
            open_ones[key] = f"{thing} of {account}" if thing else f"account {account}"
        else:
            open_ones.pop(key, None)
    return [
        f"{system} {what}: the run ended before it was removed"
        for (system, name), what in open_ones.items()
        if not any(name in line for line in listed)
    ]

"""Test accounts: named, remembered before they are made, and removed again with all that they own.

Not for accounts that people gave to the suite; and not for what registering must do: tests/smoke.
"""

from __future__ import annotations

import itertools
import json
import os
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cutover.failures import NotTrustworthy, NotVerified
from cutover.journal import Journal
from cutover.secrets import Secret, new_password
from cutover.targets import Result, Target

NAMESPACE: Final = "cutover"
MAIL_DOMAIN: Final = "cutover.invalid"


@dataclass
class Account:
    """One account of one system, with the tokens of its registration."""

    username: str
    email: str
    password: Secret = field(repr=False)
    user_id: object = None
    access_token: Secret = field(default_factory=lambda: Secret(""), repr=False)
    refresh_token: Secret = field(default_factory=lambda: Secret(""), repr=False)


class Accounts:
    """Makes accounts on a target and removes them.

    Names are cutover-RUN-RANDOM-N: never the same twice, also not in two runs at once. Each name is
    appended to the run's ledger before the request is sent, so that what a killed run left can be found.
    """

    def __init__(self, target: Target, run: str, ledger: Path | None) -> None:
        """ledger: JSON Lines file of names that were made and removed; None keeps none."""
        self.run = run
        self._target, self._ledger = target, ledger
        self._prefix = f"{NAMESPACE}-{run}-{secrets.token_hex(3)}"
        self._numbers = itertools.count(1)
        self._open: list[Account] = []
        self._untrusted: NotTrustworthy | None = None

    def name(self) -> Account:
        """A new account's name, mail and password. Nothing is sent; it is removed all the same at the end."""
        username = f"{self._prefix}-{next(self._numbers)}"
        account = Account(username, f"{username}@{MAIL_DOMAIN}", new_password())
        self._open.append(account)
        self._note("named", account)
        return account

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

    def close(self, journal: Journal) -> None:
        """Remove every account and write down what is left over.

        Raises NotTrustworthy, after all were tried, when another system answered or none did: the
        check's own answers may then be another's as well.
        """
        journal.leftovers.extend(self.remove_all())
        if self._untrusted is not None:
            raise self._untrusted

    def remove_all(self) -> list[str]:
        """Remove every account that is left, with its files. Returns what could not be removed, and why.

        Every account logs in anew, since its tokens may be spent. One whose registration gave no token
        and that cannot log in (401) never came to be and is not left over.
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
            login = self._target.call("login", fields={"username": account.username, "password": account.password})
            if login.status == 401 and not account.access_token.reveal():
                return None
            if login.status not in login.operation.statuses:
                return f"login answered {login.status}"
            token = login.secret("access_token")
            gone = self._target.call("delete_account", token=token, fields={"password": account.password})
        except NotVerified as error:
            return str(error)
        except NotTrustworthy as error:
            self._untrusted = self._untrusted or error
            return str(error).splitlines()[0]
        except Exception as error:  # noqa: BLE001 - whatever stops the removal, it is listed and the run goes on
            return str(error).splitlines()[0] if str(error) else type(error).__name__
        if gone.status not in gone.operation.statuses:
            return f"delete_account answered {gone.status}"
        return None

    def _note(self, event: str, account: Account) -> None:
        if self._ledger is None:
            return
        line = json.dumps(
            {"at": round(time.time(), 3), "event": event, "system": self._target.system, "account": account.username}
        )
        file = os.open(self._ledger, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        try:
            os.write(file, (line + "\n").encode())  # one write of one line: processes do not mix
        finally:
            os.close(file)


def unremoved(ledger: Path, listed: Sequence[str]) -> list[str]:
    """Accounts that the ledger names and nobody removed, but for those that are listed already.

    After an interruption the fixtures that would have said so never came to their end.
    """
    try:
        entries = [json.loads(line) for line in ledger.read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError):
        return []
    removed = {(entry["system"], entry["account"]) for entry in entries if entry["event"] == "removed"}
    named = dict.fromkeys((entry["system"], entry["account"]) for entry in entries if entry["event"] == "named")
    return [
        f"{system} account {account}: the run ended before it was removed"
        for system, account in named
        if (system, account) not in removed and not any(account in line for line in listed)
    ]

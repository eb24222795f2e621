"""Accounts and lists of a load run, created before the first arrival and removed after the last.

They use the accounts of every gate, so that `cutover cleanup` finds those of a killed run.
"""

from __future__ import annotations

import csv
import io
import itertools
import json
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cache, partial
from typing import Any, Final

from cutover.accounts.registered import Account, Accounts, remove_account
from cutover.accounts.sessions import text_of
from cutover.core.errors import CheckFailed, NotVerified
from cutover.corpus import list_file, list_files
from cutover.load.journey_preconditions import ACCOUNT, DOWNLOAD, EXPORT, LIST, SESSION, JourneyPreconditions
from cutover.load.load_client import LoadLists
from cutover.systems.target import Result, Target

ROWS: Final = 200
LISTS: Final = 8
"""Number of different lists. They have the same rows in another order, so all have the same length."""

LARGE_BYTES: Final = 1_200_000
"""Size of the list of the journey large: above 1 MB and 1 MiB."""

_COLUMNS: Final = ("first_name", "email", "city")
_UPLOAD_LIMIT: Final = 65_536
_POLL_S: Final = 0.2


@cache
def load_lists() -> LoadLists:
    """Return the lists of a run, the same in every process."""
    rows = list(itertools.islice(csv.reader(io.StringIO(list_file("contacts").content.decode())), ROWS + 1))
    positions = [rows[0].index(name) for name in _COLUMNS]
    lists = [[rows[0], *rows[first:], *rows[1:first]] for first in range(1, LISTS + 1)]
    return LoadLists(
        own=tuple(
            (_as_csv(each, "\n"), _as_csv(([row[position] for position in positions] for row in each), "\r\n"))
            for each in lists
        ),
        columns=_COLUMNS,
        uploads=tuple(
            (file.filename, file.content)
            for file in list_files()
            if file.accepted and not file.malformed and file.rows and 0 < file.size <= _UPLOAD_LIMIT
        ),
        large=("large.csv", _large_list(lists[0])),
    )


def _large_list(rows: Sequence[Sequence[str]]) -> bytes:
    """Return a list with the given header whose rows repeat until it is larger than LARGE_BYTES."""
    part = _as_csv(rows[1:], "\n")
    return _as_csv(rows[:1], "\n") + part * (LARGE_BYTES // len(part) + 1)


def _as_csv(rows: Iterable[Sequence[str]], end: str) -> bytes:
    """Return the rows as CSV, by the rules of contracts/api.md [Reading a list file]."""
    lines = (",".join('"' + cell.replace('"', '""') + '"' if set(cell) & set(',"\r\n') else cell for cell in row)
             for row in rows)  # fmt: skip
    return "".join(line + end for line in lines).encode()


class Preparation:
    """The accounts of one system for one run."""

    def __init__(self, accounts: Accounts, target: Target, progress: Callable[[str], None]) -> None:
        self._accounts, self._target, self._progress = accounts, target, progress
        self.created: list[Account] = []
        self.reserved: list[Account] = []
        self.preconditions = JourneyPreconditions(target.system)
        self._checked = False

    def create(self, count: int, needed: Collection[str]) -> list[dict[str, str]]:
        """Create accounts, each with a list if that is needed. Return them as plain data for LoadAccount.from_row.

        needed: preconditions of the profile's journeys. One that fails is kept in `preconditions`, and everything that
        does not need it is prepared. Raises MeasurementError.
        """
        rows: list[dict[str, str]] = []
        for number in range(count if ACCOUNT in needed else 0):
            if self.preconditions.given_up(ACCOUNT) or self.preconditions.given_up(SESSION):
                break
            self._progress(f"preparing {self._target.system}: account {number + 1} of {count}")
            account = self._session()
            if account is not None:
                rows.append(self._with_list(account, number % LISTS, needed))
        with_list = [row for row in rows if row["listing"]]
        return with_list or rows

    def _session(self) -> Account | None:
        """Return a new account with its tokens, None if it could not be created."""
        account = self._accounts.name()
        self.created.append(account)
        registered = self.preconditions.attempt(ACCOUNT, lambda: self._accounts.register(account).expect_status())
        if registered is None:
            return None
        return self.preconditions.attempt(SESSION, lambda: self._signed_in(account, registered))

    def _signed_in(self, account: Account, registered: Result) -> Account:
        """Take the tokens of the registration. If it returns none, log in.

        Tokens that are promised and missing are a finding, but they block nothing if the login returns some.
        """
        if "access_token" in registered.operation.response:
            try:
                account.access_token = registered.secret("access_token")
                if registered.operation.has("refresh_token"):
                    account.refresh_token = registered.secret("refresh_token")
            except (CheckFailed, NotVerified) as error:
                self.preconditions.note("tokens of the registration", error)
        if not account.access_token.reveal():
            fields = {"username": account.username, "password": account.password}
            login = self._target.call("login", fields=fields).expect_status()
            account.access_token = login.secret("access_token")
            if login.operation.has("refresh_token"):
                account.refresh_token = login.secret("refresh_token")
        return account

    def _with_list(self, account: Account, own: int, needed: Collection[str]) -> dict[str, str]:
        """Upload the account's list if it is needed, and return the account as plain data. listing: "" without one."""
        lists, listing = load_lists(), ""
        if LIST in needed:
            listing = self.preconditions.attempt(LIST, lambda: self._uploaded(account, lists.own[own][0])) or ""
        if listing and not self._checked:
            self._checked = True
            path = {"file_id": listing}
            fields: dict[str, Any] = {"columns": list(lists.columns), "filters": []}
            for name, sent, wanted in ((DOWNLOAD, None, lists.own[own][0]), (EXPORT, fields, lists.own[own][1])):
                if name in needed:
                    self.preconditions.attempt(name, partial(self._check_body, name, account, path, sent, wanted))
        return {
            "username": account.username,
            "password": account.password.reveal(),
            "access": account.access_token.reveal(),
            "refresh": text_of(account.refresh_token),
            "listing": listing,
            "own": str(own),
            "names": json.dumps(self._names(listing)),
        }

    def _names(self, listing: str) -> dict[str, str]:
        """Return the other values by which the deployment names the list."""
        known = self._target.known
        values = known.parameters({"file_id": listing})
        return {name: values[name] for name in sorted(known.names)} if listing else {}

    def _uploaded(self, account: Account, content: bytes) -> str:
        uploaded = self._target.call(
            "upload", token=account.access_token, file=("contacts.csv", content, "text/csv")
        ).expect_status()
        return str(uploaded.field("file_id"))

    def reserve(self, count: int) -> list[dict[str, str]]:
        """Reserve accounts for arrivals to register. They are recorded before anything is sent, and removed later."""
        reserved = [self._accounts.name() for _ in range(count)]
        self.reserved += reserved
        return [
            {"username": account.username, "email": account.email, "password": account.password.reveal()}
            for account in reserved
        ]

    def find_lost_and_doubled(
        self, target: Target, accounts: Sequence[Mapping[str, str]], acknowledged: Iterable[Sequence[str]]
    ) -> tuple[list[str], list[str]]:
        """Return the names of acknowledged writes that do not exist, and of those that exist twice.

        target: the system to ask, after a switch the other one. acknowledged: rows of user, name, id. Raises the errors
        of Target.call, and CheckFailed if the files cannot be listed.
        """
        by_user: dict[str, list[tuple[str, str]]] = {}
        for username, name, file_id in acknowledged:
            by_user.setdefault(username, []).append((name, file_id))
        lost, doubled = [], []
        for account in accounts:
            wanted = by_user.pop(account["username"], None)
            if wanted is None:
                continue
            login = target.call(
                "login", fields={"username": account["username"], "password": account["password"]}
            ).expect_status()
            listed = target.call("list_files", token=login.secret("access_token")).expect_status()
            stored: dict[str, list[str]] = {}
            for entry in listed.entries("files"):
                stored.setdefault(str(entry["filename"]), []).append(str(entry["file_id"]))
            for name, file_id in wanted:
                found = stored.get(name, [])
                if not found or (file_id and file_id not in found):
                    lost.append(name)
                if len(found) > 1:
                    doubled.append(name)
        return lost + [name for rows in by_user.values() for name, _ in rows], doubled

    def remove_late(self, target: Target, usernames: Collection[str], within_s: float) -> None:
        """Remove accounts whose registration was sent and not answered, as soon as they exist, within this time.

        A single look would miss an account that the system is still creating.
        """
        late = [account for account in self.reserved if account.username in usernames]
        deadline = time.monotonic() + within_s
        while late and time.monotonic() < deadline:
            for account in late[:]:
                if time.monotonic() < deadline and remove_account(target, account.username, account.password):
                    self._accounts.forget(account)
                    late.remove(account)
            time.sleep(_POLL_S)

    def _check_body(
        self, name: str, account: Account, path: Mapping[str, str], fields: Mapping[str, Any] | None, wanted: bytes
    ) -> None:
        """Raise CheckFailed if the system returns another list than was uploaded: a load run of it proves nothing."""
        result = self._target.call(name, token=account.access_token, path=path, fields=fields).expect_status()
        if result.body != wanted:
            raise CheckFailed(
                f"body:{result.operation.name}",
                expected=f"{len(wanted)} bytes of the list that was uploaded",
                got=result.answer.excerpt,
                source=result.answer.source,
                contract=result.operation.where,
                do_next="Run the smoke gate. It gives more details.",
            )

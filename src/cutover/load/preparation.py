"""Accounts and lists of a load run, created before the first arrival and removed after the last.

They use the accounts of every gate, so that `cutover cleanup` finds those of a killed run.
"""

from __future__ import annotations

import csv
import io
import itertools
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Final

from cutover.accounts.registered import Account, Accounts, remove_account
from cutover.core.errors import CheckFailed
from cutover.corpus import list_file, list_files
from cutover.load.load_client import LoadLists
from cutover.systems.target import Target

ROWS: Final = 200
LISTS: Final = 8
"""Number of different lists. They have the same rows in another order, so all have the same length."""

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
    )


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

    def create(self, count: int) -> list[dict[str, str]]:
        """Create accounts with a list each. Return them as plain data for LoadAccount.from_row.

        Raises CheckFailed if the system creates none, if it returns another list than was uploaded, or if the exported
        columns differ from the expected ones: a load run of an incorrect system proves nothing.
        """
        lists, rows = load_lists(), []
        for number in range(count):
            self._progress(f"preparing {self._target.system}: account {number + 1} of {count}")
            account = self._accounts.new()
            self.created.append(account)
            own = number % LISTS
            uploaded = self._target.call(
                "upload", token=account.access_token, file=("contacts.csv", lists.own[own][0], "text/csv")
            ).expect_status()
            listing = str(uploaded.field("file_id"))
            if number == 0:
                self._check_list(account, listing, lists)
            rows.append(
                {
                    "username": account.username,
                    "password": account.password.reveal(),
                    "access": account.access_token.reveal(),
                    "refresh": account.refresh_token.reveal(),
                    "listing": listing,
                    "own": str(own),
                }
            )
        return rows

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

    def _check_list(self, account: Account, listing: str, lists: LoadLists) -> None:
        path = {"file_id": listing}
        token = account.access_token
        download = self._target.call("download", token=token, path=path).expect_status()
        fields: dict[str, Any] = {"columns": list(lists.columns), "filters": []}
        exported = self._target.call("export", token=token, path=path, fields=fields).expect_status()
        for result, wanted in zip((download, exported), lists.own[0], strict=True):
            if result.body != wanted:
                raise CheckFailed(
                    f"body:{result.operation.name}",
                    expected=f"{len(wanted)} bytes of the list that was uploaded",
                    got=result.answer.excerpt,
                    source=result.answer.source,
                    contract=result.operation.where,
                    do_next="Run the smoke gate. It gives more details.",
                )

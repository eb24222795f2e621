"""What a load run needs before its first arrival, and takes away after its last: accounts, and a list of each.

Made and removed through the accounts of every gate, so that a killed run's can be found (`cutover sweep`). Not for
what arrivals do with them: journeys.py.
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
from cutover.load.load_client import Materials
from cutover.systems.target import Target

ROWS: Final = 200
LISTS: Final = 8
"""Different lists that people take turns with: the same rows, each time from another one on, so all are as long."""

_COLUMNS: Final = ("first_name", "email", "city")
_UPLOAD_LIMIT: Final = 65_536
_LOOK_S: Final = 0.2


@cache
def materials() -> Materials:
    """The lists of a run, the same in every process."""
    rows = list(itertools.islice(csv.reader(io.StringIO(list_file("contacts").content.decode())), ROWS + 1))
    places = [rows[0].index(name) for name in _COLUMNS]
    lists = [[rows[0], *rows[first:], *rows[1:first]] for first in range(1, LISTS + 1)]
    return Materials(
        own=tuple(
            (_written(each, "\n"), _written(([row[place] for place in places] for row in each), "\r\n"))
            for each in lists
        ),
        columns=_COLUMNS,
        uploads=tuple(
            (file.filename, file.content)
            for file in list_files()
            if file.accepted and not file.malformed and file.rows and 0 < file.size <= _UPLOAD_LIMIT
        ),
    )


def _written(rows: Iterable[Sequence[str]], end: str) -> bytes:
    """The rows as CSV, by the rules of contracts/api.md [Reading a list file]."""
    lines = (",".join('"' + cell.replace('"', '""') + '"' if set(cell) & set(',"\r\n') else cell for cell in row)
             for row in rows)  # fmt: skip
    return "".join(line + end for line in lines).encode()


class Preparation:
    """The accounts of one system for one run."""

    def __init__(self, accounts: Accounts, target: Target, progress: Callable[[str], None]) -> None:
        self._accounts, self._target, self._progress = accounts, target, progress
        self.made: list[Account] = []
        self.named: list[Account] = []

    def people(self, count: int) -> list[dict[str, str]]:
        """So many accounts with a list each, as plain data for Person.from_row.

        Raises CheckFailed when the system gives none, when its list comes back otherwise than it was sent, or when
        cutting it gives something else than it must: a load run of a system that is wrong shows nothing.
        """
        lists, made = materials(), []
        for number in range(count):
            self._progress(f"preparing {self._target.system}: account {number + 1} of {count}")
            account = self._accounts.new()
            self.made.append(account)
            own = number % LISTS
            uploaded = self._target.call(
                "upload", token=account.access_token, file=("contacts.csv", lists.own[own][0], "text/csv")
            ).expect_status()
            listing = str(uploaded.field("file_id"))
            if number == 0:
                self._try(account, listing, lists)
            made.append(
                {
                    "username": account.username,
                    "password": account.password.reveal(),
                    "access": account.access_token.reveal(),
                    "refresh": account.refresh_token.reveal(),
                    "listing": listing,
                    "own": str(own),
                }
            )
        return made

    def names(self, count: int) -> list[dict[str, str]]:
        """So many accounts that arrivals will register: noted before anything is sent, removed like the others."""
        named = [self._accounts.name() for _ in range(count)]
        self.named += named
        return [
            {"username": account.username, "email": account.email, "password": account.password.reveal()}
            for account in named
        ]

    def lost_and_doubled(
        self, where: Target, people: Sequence[Mapping[str, str]], acknowledged: Iterable[Sequence[str]]
    ) -> tuple[list[str], list[str]]:
        """The names of acknowledged writes that are not there, and of those that are there twice.

        where: the system to ask, after a switch the other one. acknowledged: rows of user, name, id. Raises what
        Target.call raises, and CheckFailed for a list that cannot be had.
        """
        by_user: dict[str, list[tuple[str, str]]] = {}
        for username, name, made in acknowledged:
            by_user.setdefault(username, []).append((name, made))
        lost, doubled = [], []
        for person in people:
            wanted = by_user.pop(person["username"], None)
            if wanted is None:
                continue
            login = where.call(
                "login", fields={"username": person["username"], "password": person["password"]}
            ).expect_status()
            listed = where.call("list_files", token=login.secret("access_token")).expect_status()
            there: dict[str, list[str]] = {}
            for entry in listed.entries("files"):
                there.setdefault(str(entry["filename"]), []).append(str(entry["file_id"]))
            for name, made in wanted:
                found = there.get(name, [])
                if not found or (made and made not in found):
                    lost.append(name)
                if len(found) > 1:
                    doubled.append(name)
        return lost + [name for rows in by_user.values() for name, _ in rows], doubled

    def remove_late(self, where: Target, usernames: Collection[str], within_s: float) -> None:
        """Remove accounts whose registration was sent and not answered, as soon as they are there, within so long.

        Whoever looked but once would take one for never made while the system still makes it.
        """
        late = [account for account in self.named if account.username in usernames]
        deadline = time.monotonic() + within_s
        while late and time.monotonic() < deadline:
            for account in late[:]:
                if time.monotonic() < deadline and remove_account(where, account.username, account.password):
                    self._accounts.forget(account)
                    late.remove(account)
            time.sleep(_LOOK_S)

    def _try(self, account: Account, listing: str, lists: Materials) -> None:
        path = {"file_id": listing}
        token = account.access_token
        download = self._target.call("download", token=token, path=path).expect_status()
        fields: dict[str, Any] = {"columns": list(lists.columns), "filters": []}
        cut = self._target.call("export", token=token, path=path, fields=fields).expect_status()
        for result, wanted in zip((download, cut), lists.own[0], strict=True):
            if result.body != wanted:
                raise CheckFailed(
                    f"body:{result.operation.name}",
                    expected=f"{len(wanted)} bytes of the list that was uploaded",
                    got=result.answer.excerpt,
                    source=result.answer.source,
                    contract=result.operation.where,
                    do_next="Run the smoke gate: it says more of this.",
                )

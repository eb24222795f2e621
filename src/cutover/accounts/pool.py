"""The account pool: existing accounts that an environment names, lent to one check at a time.

It is used by environments without open registration. The accounts are never deleted and their passwords never change.
The data that a check created is removed; data that was there before is not changed.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import itertools
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cutover.accounts.registered import Account, Accounts, RemovalError, note
from cutover.accounts.sessions import take_session
from cutover.core.errors import MeasurementError, NotVerified, Refused
from cutover.core.safety import SafetyLevel, origin_of

if TYPE_CHECKING:
    from cutover.config.operations import Operation
    from cutover.systems.target import Result, Target

LEASE_DEADLINE_S: Final = 900.0
"""Time limit in seconds for a check that waits for free accounts: with 90 requests per minute a check takes minutes."""
CLEANUP_DEADLINE_S: Final = 30.0
"""Time limit in seconds for a cleanup that waits for an account in use, before it reports that and continues."""
_POLL_INTERVAL_S: Final = 0.1

_CREATED_BY: Final = {"upload": "file", "create_filter": "filter"}
_REMOVED_BY: Final = {"file": "delete", "filter": "delete_filter"}


class PooledAccounts(Accounts):
    """The pool accounts that one check uses. It observes the check's target to know which data the check created."""

    def __init__(self, target: Target, run: str, ledger: Path | None, *, at_once: int = 1) -> None:
        """at_once: number of accounts that the check uses at the same time; all are taken at once (no deadlocks)."""
        super().__init__(target, run, ledger, at_once=at_once)
        self._named = {account.username.reveal(): account for account in target.environment.accounts[target.system]}
        self._leased: list[str] = []
        self._lent: list[Account] = []
        self._items: list[tuple[str, str]] = []  # created by the check: ("file" or "filter", id)
        self._locks = contextlib.ExitStack()
        target.watch = self

    def for_target(self, target: Target) -> Accounts:
        """Return accounts of another system. Raises NotVerified if that system has none."""
        return accounts_on(target, self.run, self._ledger, at_once=1)

    def name(self, ending: str = "") -> Account:
        """Return a name and a password that no account has. The ledger does not list it: no account is created."""
        return self._unused(ending)

    def register(self, account: Account) -> Result:
        """Raise NotVerified: there is no registration. Checks that register are marked needs("registration")."""
        raise NotVerified(
            f"{self._target.environment.name} has no registration ({account.username}): "
            f"{self._target.environment.absent['registration']}"
        )

    def forget(self, account: Account) -> None:
        """Raise NotVerified: a check does not delete an account of the pool."""
        self.register(account)

    def new(self) -> Account:
        """Return an account that no other process uses, logged in, with the ids of its existing files.

        Raises Blocked if the login is refused (`Target.needs`); NotVerified if no account becomes free or the check
        asks for more accounts than it declares.
        """
        if not self._lent:
            self._leased = lease(self._locks, self._target.url, list(self._named), self._at_once, LEASE_DEADLINE_S)
        if len(self._lent) == len(self._leased):
            raise NotVerified(
                f"the check uses more than {self._at_once} accounts at once. Declare the number with mark.accounts"
            )
        named = self._named[self._leased[len(self._lent)]]
        account = Account(named.username.reveal(), "", named.password, marker=self._unused().marker)
        self._target.client.markers.add(account.marker, named.password)
        with self._target.needs("login"):
            self._log_in(account)
        with self._target.needs("list_files"):
            account.before = self._files(account)
        self._lent.append(account)
        return account

    def remove_all(self) -> list[str]:
        """Remove the data that the check created and release the accounts. Return what is left, with the reason.

        A new file that was not in a response to one of the check's uploads is listed and kept: another person may have
        uploaded it.
        """
        left: list[str] = []
        try:
            for kind, identity in reversed(self._items.copy()):  # a filter before its file
                left += self._tried(f"{kind} {identity}", self._remove_item(kind, identity))
            for account in self._lent:
                left += self._tried(f"files of {self._variable(account)}", self._unknown_files(account))
        finally:
            self._lent.clear()
            self._locks.close()
        return left

    # --- systems.target.Watch: called before and after each request ------------------------------

    def before(self, operation: Operation, level: SafetyLevel, path: Mapping[str, str]) -> None:
        """Raise Refused before a request is sent that could change a file of an account's owner."""
        if level > SafetyLevel.READ_ONLY and any(path.get("file_id") in account.before for account in self._lent):
            raise Refused(f"{operation.name} refused: the file was in the pool account before the check began")

    def after(self, result: Result, path: Mapping[str, str]) -> None:
        """Record the created and removed items of a successful response."""
        if result.status not in result.operation.statuses:
            return
        name = result.operation.name
        if name in _CREATED_BY:
            item = _CREATED_BY[name], str(result.field(f"{_CREATED_BY[name]}_id"))
            self._items.append(item)
            self._write("made", item)
        for kind, removal in _REMOVED_BY.items():
            if name == removal:
                self._mark_gone((kind, path[f"{kind}_id"]))

    def _log_in(self, account: Account) -> None:
        login = self._target.call("login", fields={"username": account.username, "password": account.password})
        if login.is_status(401):
            raise login.failed(
                "named-account:login",
                expected=f"a successful login with the account of {self._named[account.username].variable}",
                got=login.answer.excerpt,
                do_next="check name and password in the variables. If they are right, users cannot log in either",
            )
        login.expect_status()
        take_session(self._target, account, login)

    def _call(self, account: Account, name: str, path: Mapping[str, str] | None = None) -> Result:
        """Send a request with the account's token. Log in again if the token is no longer valid."""
        result = self._target.call(name, token=account.access_token, path=path)
        if result.is_status(401):
            self._log_in(account)
            result = self._target.call(name, token=account.access_token, path=path)
        return result

    def _files(self, account: Account) -> frozenset[str]:
        """Return the ids of the account's files."""
        listed = self._call(account, "list_files").expect_status()
        return frozenset(str(entry["file_id"]) for entry in listed.entries("files"))

    def _remove_item(self, kind: str, identity: str) -> Iterator[str]:
        """Remove an item with each lent account, since the owner is unknown. Yield the failure, if any."""
        for account in self._lent:
            result = self._call(account, _REMOVED_BY[kind], {f"{kind}_id": identity})
            if result.status in result.operation.statuses:
                return  # `after` has recorded it
            if not result.is_status(404):
                yield f"{kind} {identity}: {result.operation.name} answered {result.status}"
                return
        self._mark_gone((kind, identity))

    def _unknown_files(self, account: Account) -> Iterator[str]:
        """Yield the new files that the check did not create."""
        for file_id in sorted(self._files(account) - account.before):
            yield f"file {file_id} of {self._variable(account)}: new since the check began, and not removed"

    def _tried(self, label: str, lines: Iterable[str]) -> list[str]:
        """Return the lines. An exception becomes a line, so that the removal of the other items continues."""
        try:
            left = list(lines)
        except MeasurementError as error:
            self._measurement_error = self._measurement_error or error
            left = [f"{label}: {str(error).splitlines()[0]}"]
        except Exception as error:  # noqa: BLE001 - as the docstring says
            left = [f"{label}: {'; '.join(part.strip() for part in str(error).splitlines()[:3])}"]
        return [f"{self._target.system} {line}" for line in left]

    def _variable(self, account: Account) -> str:
        return self._named[account.username].variable

    def _mark_gone(self, item: tuple[str, str]) -> None:
        if item in self._items:
            self._items.remove(item)
            self._write("unmade", item)

    def _write(self, event: str, item: tuple[str, str]) -> None:
        """Append an event to the ledger."""
        if self._ledger is not None:
            named = ", ".join(self._variable(account) for account in self._lent)
            environment, system = self._target.environment.name, self._target.system
            note(self._ledger, event, environment, system, named, None, item=" ".join(item))


def accounts_on(target: Target, run: str, ledger: Path | None, *, at_once: int) -> Accounts:
    """Return accounts on a target: registered by the suite, or from the pool if there is no registration.

    Raises NotVerified if the environment has neither.
    """
    environment = target.environment
    if "registration" not in environment.absent:
        return Accounts(target, run, ledger, at_once=at_once)
    if target.system not in environment.accounts:
        raise NotVerified(
            f"environments.toml [{environment.name}] has no registration ({environment.absent['registration']}) "
            f"and names no accounts.{target.system}"
        )
    return PooledAccounts(target, run, ledger, at_once=at_once)


def remove_item(target: Target, variables: Iterable[str], kind: str, identity: str) -> bool:
    """Remove a file or filter that a killed run created in a pool account. Return False if it does not exist.

    variables: environment variables with the names of the accounts that the run used. Raises NotVerified while a check
    uses one of them; RemovalError for any other response; and the errors of Target.call.
    """
    wanted = set(variables)
    named = [account for account in target.environment.accounts[target.system] if account.variable in wanted]
    operation, path = _REMOVED_BY[kind], {f"{kind}_id": identity}
    with contextlib.ExitStack() as locks:
        lease(locks, target.url, [account.username.reveal() for account in named], len(named), CLEANUP_DEADLINE_S)
        for account in named:
            fields = {"username": account.username, "password": account.password}
            login = target.call("login", fields=fields)
            if login.status not in login.operation.statuses:
                raise RemovalError(f"login of {account.variable} answered {login.status}")
            gone = target.call(operation, token=login.secret("access_token"), path=path)
            if gone.status in gone.operation.statuses:
                return True
            if not gone.is_status(404):
                raise RemovalError(f"{operation} answered {gone.status} (request {gone.answer.request_id})")
    return False


def lease(locks: contextlib.ExitStack, address: str, names: Sequence[str], count: int, deadline_s: float) -> list[str]:
    """Lock `count` of the accounts at an address, all or none, until `locks` is closed. Return their names.

    The locks apply to all processes of this user on this machine, in the order of their requests. The kernel releases
    the locks of a killed process. Raises NotVerified if there are not enough accounts or they do not become free within
    deadline_s seconds.
    """
    from cutover.embedded.folders import base  # imported here: most processes do not need it

    folder = base() / "accounts"
    folder.mkdir(mode=0o700, exist_ok=True)
    if len(names) < count:
        raise NotVerified(f"the check uses {count} accounts at once, and environments.toml names {len(names)}")
    address = repr(origin_of(address))
    ends = time.monotonic() + deadline_s
    with contextlib.ExitStack() as queue:
        # A process that waits for two accounts blocks the others. Otherwise checks that need one could always win.
        while not _locked(queue, folder, f"{address} door"):
            _pause(ends, count)
        while True:
            with contextlib.ExitStack() as attempt:
                free = (name for name in names if _locked(attempt, folder, f"{address} {name}"))
                taken = list(itertools.islice(free, count))
                if len(taken) == count:
                    kept = attempt.pop_all()
                    locks.callback(kept.close)
                    return taken
            _pause(ends, count)


def _locked(stack: contextlib.ExitStack, folder: Path, name: str) -> bool:
    """Return True if the lock of that name was free. It is then held until the stack is closed."""
    file = os.open(
        folder / hashlib.sha256(name.encode()).hexdigest()[:24], os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600
    )
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return False
    stack.callback(os.close, file)
    return True


def _pause(ends: float, count: int) -> None:
    """Wait before the next attempt. Raises NotVerified after the deadline."""
    if time.monotonic() > ends:
        raise NotVerified(f"{count} of the pool's accounts did not become free: other checks or runs use them")
    time.sleep(_POLL_INTERVAL_S)

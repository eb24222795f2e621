"""Accounts that people gave to the suite: lent to one check at a time, and left as they were found.

For an environment without open registration. They are never deleted and their passwords never changed; what a check
made is removed, and what was there before is not touched. Not for accounts of the suite's own making: accounts.py.
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
from cutover.core.errors import MeasurementError, NotVerified, Refused
from cutover.core.safety import SafetyLevel, origin_of

if TYPE_CHECKING:
    from cutover.config.operations import Operation
    from cutover.systems.target import Result, Target

LEASE_DEADLINE_S: Final = 900.0
"""How long a check waits for free accounts: with a budget of 90 requests a minute others take minutes."""
SWEEP_DEADLINE_S: Final = 30.0
"""How long a sweep waits for an account that a check uses before it says so and goes on."""
_ASK_AGAIN_S: Final = 0.1

_MADE_BY: Final = {"upload": "file", "create_filter": "filter"}
_REMOVED_BY: Final = {"file": "delete", "filter": "delete_filter"}


class NamedAccounts(Accounts):
    """Lends an environment's own accounts to a check, and watches the check's target to know what it made."""

    def __init__(self, target: Target, run: str, ledger: Path | None, *, at_once: int = 1) -> None:
        """at_once: how many the check uses at the same time; taken together, so that none waits for another's."""
        super().__init__(target, run, ledger, at_once=at_once)
        self._named = {account.username.reveal(): account for account in target.environment.accounts[target.system]}
        self._leased: list[str] = []
        self._lent: list[Account] = []
        self._made: list[tuple[str, str]] = []  # ("file", its id)
        self._locks = contextlib.ExitStack()
        target.watch = self

    def beside(self, target: Target) -> Accounts:
        """Named accounts of the other system. Raises NotVerified where it has none."""
        return accounts_on(target, self.run, self._ledger, at_once=1)

    def name(self, ending: str = "") -> Account:
        """A name and a password that nobody has. Nothing is noted: no account comes of it here."""
        return self._invented(ending)

    def register(self, account: Account) -> Result:
        """Raises NotVerified: there is no registration here, as a check with mark.needs("registration") knows."""
        raise NotVerified(
            f"{self._target.environment.name} has no registration ({account.username}): "
            f"{self._target.environment.absent['registration']}"
        )

    def forget(self, account: Account) -> None:
        """Raises NotVerified: a check does not delete an account that was given to us."""
        self.register(account)

    def new(self) -> Account:
        """An account that no other process uses now, logged in, with the ids of the files that it had before.

        Raises CheckFailed when it cannot log in; NotVerified when none becomes free, or when the check asks for more
        of them than it declares.
        """
        if not self._lent:
            self._leased = lease(self._locks, self._target.url, list(self._named), self._at_once, LEASE_DEADLINE_S)
        if len(self._lent) == len(self._leased):
            raise NotVerified(f"it uses more than {self._at_once} accounts at once and does not say so (mark.accounts)")
        named = self._named[self._leased[len(self._lent)]]
        account = Account(named.username.reveal(), "", named.password)
        self._log_in(account)
        account.before = self._files(account)
        self._lent.append(account)
        return account

    def remove_all(self) -> list[str]:
        """Remove what the check made and give the accounts back. Returns what is left, and why.

        A file that is new and that no answer to an upload named is listed and let alone: it may be somebody else's.
        """
        left: list[str] = []
        try:
            for kind, identity in reversed(self._made.copy()):  # a filter before the file that it belongs to
                left += self._tried(f"{kind} {identity}", self._remove_thing(kind, identity))
            for account in self._lent:
                left += self._tried(f"files of {self._variable(account)}", self._strangers(account))
        finally:
            self._lent.clear()
            self._locks.close()
        return left

    # --- what the target tells of each call: targets.Watch ---------------------------------------

    def before(self, operation: Operation, level: SafetyLevel, path: Mapping[str, str]) -> None:
        """Raise Refused, and nothing is sent, when a file that was there before could be changed."""
        if level > SafetyLevel.READ_ONLY and any(path.get("file_id") in account.before for account in self._lent):
            raise Refused(f"{operation.name} refused: this file was in the named account before the check began")

    def after(self, result: Result, path: Mapping[str, str]) -> None:
        """Note what was made or removed, from the answer that says so."""
        if result.status not in result.operation.statuses:
            return
        name = result.operation.name
        if name in _MADE_BY:
            thing = _MADE_BY[name], str(result.field(f"{_MADE_BY[name]}_id"))
            self._made.append(thing)
            self._write("made", thing)
        for kind, removal in _REMOVED_BY.items():
            if name == removal:
                self._gone((kind, path[f"{kind}_id"]))

    # --- parts of the above ----------------------------------------------------------------------

    def _log_in(self, account: Account) -> None:
        login = self._target.call("login", fields={"username": account.username, "password": account.password})
        if login.status == 401:
            raise login.failed(
                "named-account:login",
                expected=f"the account of {self._named[account.username].variable} can log in",
                got=login.answer.excerpt,
                do_next="are name and password in the variables right? If they are, users cannot log in either",
            )
        login.expect_status()
        account.user_id = login.field("user_id")
        account.access_token = login.secret("access_token")
        account.refresh_token = login.secret("refresh_token")

    def _call(self, account: Account, name: str, path: Mapping[str, str] | None = None) -> Result:
        """The call with the account's token; logged in anew when the check has spent it."""
        result = self._target.call(name, token=account.access_token, path=path)
        if result.status == 401:
            self._log_in(account)
            result = self._target.call(name, token=account.access_token, path=path)
        return result

    def _files(self, account: Account) -> frozenset[str]:
        listed = self._call(account, "list_files").expect_status()
        return frozenset(str(entry["file_id"]) for entry in listed.entries("files"))

    def _remove_thing(self, kind: str, identity: str) -> Iterator[str]:
        """Each lent account asks for its removal: whose it is, the answer to its making does not say."""
        for account in self._lent:
            result = self._call(account, _REMOVED_BY[kind], {f"{kind}_id": identity})
            if result.status in result.operation.statuses:
                return  # `after` has noted it
            if result.status != 404:
                yield f"{kind} {identity}: {result.operation.name} answered {result.status}"
                return
        self._gone((kind, identity))

    def _strangers(self, account: Account) -> Iterator[str]:
        for stranger in sorted(self._files(account) - account.before):
            yield f"file {stranger} of {self._variable(account)}: new since the check began, and not removed"

    def _tried(self, what: str, lines: Iterable[str]) -> list[str]:
        """The lines; whatever stops the removal becomes one, and the next thing's turn comes."""
        try:
            left = list(lines)
        except MeasurementError as error:
            self._untrusted = self._untrusted or error
            left = [f"{what}: {str(error).splitlines()[0]}"]
        except Exception as error:  # noqa: BLE001 - as the docstring says
            left = [f"{what}: {'; '.join(part.strip() for part in str(error).splitlines()[:3])}"]
        return [f"{self._target.system} {line}" for line in left]

    def _variable(self, account: Account) -> str:
        return self._named[account.username].variable

    def _gone(self, thing: tuple[str, str]) -> None:
        if thing in self._made:
            self._made.remove(thing)
            self._write("unmade", thing)

    def _write(self, event: str, thing: tuple[str, str]) -> None:
        if self._ledger is not None:
            named = ", ".join(self._variable(account) for account in self._lent)
            environment, system = self._target.environment.name, self._target.system
            note(self._ledger, event, environment, system, named, None, thing=" ".join(thing))


def accounts_on(target: Target, run: str, ledger: Path | None, *, at_once: int) -> Accounts:
    """Accounts on that target: of the suite's own making, or, without registration, those that the environment names.

    Raises NotVerified where there is neither.
    """
    environment = target.environment
    if "registration" not in environment.absent:
        return Accounts(target, run, ledger, at_once=at_once)
    if target.system not in environment.accounts:
        raise NotVerified(
            f"environments.toml [{environment.name}] has no registration ({environment.absent['registration']}) "
            f"and names no accounts.{target.system}"
        )
    return NamedAccounts(target, run, ledger, at_once=at_once)


def remove_thing(target: Target, variables: Iterable[str], kind: str, identity: str) -> bool:
    """Remove what a run that was killed made in one of these named accounts. False when it is not there any more.

    Raises NotVerified while a check uses one of them; RemovalError, saying what was answered in place of a
    removal; and what Target.call raises.
    """
    wanted = set(variables)
    named = [account for account in target.environment.accounts[target.system] if account.variable in wanted]
    operation, path = _REMOVED_BY[kind], {f"{kind}_id": identity}
    with contextlib.ExitStack() as locks:
        lease(locks, target.url, [account.username.reveal() for account in named], len(named), SWEEP_DEADLINE_S)
        for account in named:
            fields = {"username": account.username, "password": account.password}
            login = target.call("login", fields=fields)
            if login.status not in login.operation.statuses:
                raise RemovalError(f"login of {account.variable} answered {login.status}")
            gone = target.call(operation, token=login.secret("access_token"), path=path)
            if gone.status in gone.operation.statuses:
                return True
            if gone.status != 404:
                raise RemovalError(f"{operation} answered {gone.status} (request {gone.answer.request_id})")
    return False


def lease(locks: contextlib.ExitStack, address: str, names: Sequence[str], count: int, deadline_s: float) -> list[str]:
    """Take so many of the accounts at that address, all or none; they are free again when `locks` is closed.

    Over all processes of this machine and user, in the order in which they ask. A process that is killed gives back
    what it held. Raises NotVerified when there are not so many, or they do not become free within deadline_s.
    """
    from cutover.embedded.folders import base  # here, since a process that names no account does not need it

    folder = base() / "accounts"
    folder.mkdir(mode=0o700, exist_ok=True)
    if len(names) < count:
        raise NotVerified(f"it uses {count} accounts at once, and {len(names)} are named")
    address = repr(origin_of(address))
    ends = time.monotonic() + deadline_s
    with contextlib.ExitStack() as door:
        # Whoever waits for two keeps the door shut, or those who need one would take them in turn for ever.
        while not _locked(door, folder, f"{address} door"):
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
    if time.monotonic() > ends:
        raise NotVerified(f"{count} of the named accounts did not become free: other checks or runs hold them")
    time.sleep(_ASK_AGAIN_S)

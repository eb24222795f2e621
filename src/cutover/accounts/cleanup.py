"""Find and remove the test data that killed runs left behind: accounts, and files in accounts of the pool.

Each run lists its test data in a ledger before it creates it. Deleting a registered account also removes its files and
objects. From an account of the pool only the files and filters that a ledger lists are removed.
"""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cutover.config.validation import ConfigurationError
from cutover.core.secrets import Secret, redact

if TYPE_CHECKING:
    from cutover.config.environments import Environment
    from cutover.systems.target import Target

LEDGER: Final = "test-data.jsonl"
SETTLED_S: Final = 60.0
"""Age in seconds below which a missing account may still be created, because its registration may be in progress."""
SECONDS_PER_UNIT: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}

_NAME: Final = re.compile(r"cutover-[a-z0-9]+-[0-9a-f]{6}-[0-9]+[^\s\x00-\x1f\x7f]*")
"""Names of Accounts.name: prefix, number and an optional ending."""
_TIME: Final = re.compile(r"(\d+(?:\.\d+)?)([smhd])|0")
_ITEM: Final = re.compile(r"(file|filter) ([A-Za-z0-9-]{1,64})")
_REMOVAL: Final = {"account": "delete_account", "file": "delete", "filter": "delete_filter"}
"""Kind of test data -> the operation that removes it."""
_TEXTS: Final = ("event", "environment", "system", "account")
"""Fields of every line, besides its time."""
_OPENING: Final = ("named", "made")
_CLOSING: Final = ("removed", "gone", "unmade")


@dataclass(frozen=True)
class Leftover:
    """Test data that a ledger lists as created and not as removed.

    named: Unix time; key: id of the account_key from which the password is derived, None for a random password.
    item: None for an account. Otherwise "file ID" or "filter ID", created in an account of the pool; `account` is then
    the environment variable that contains the account's name, or several, separated by ", ". unknown: why this version
    of the suite cannot remove it, "" if it can.
    """

    system: str
    account: str
    named: float
    key: str | None
    ledger: Path
    item: str | None = None
    unknown: str = ""

    @property
    def label(self) -> str:
        """Return the item, or the name of the account."""
        return self.item or self.account


class RemovalStatus(Enum):
    """The result of removing one leftover."""

    REMOVED = "removed"
    GONE = "not there"
    UNDECIDED = "undecided"
    LISTED = "to be tried"
    LEFT = "left"
    UNREACHED = "not reached"


@dataclass(frozen=True)
class RemovalResult:
    """A leftover with the result of its removal and the reason."""

    leftover: Leftover
    status: RemovalStatus
    reason: str = ""

    @property
    def text(self) -> str:
        """Return status and reason, redacted and on one line."""
        return redact(": ".join(filter(None, (self.status.value, " ".join(self.reason.split())))))


def find_leftovers(reports: Path, environment: str) -> list[Leftover]:
    """Return the test data of an environment that the ledgers of reports/*/ do not list as removed, oldest first.

    Raises ConfigurationError if a ledger cannot be read.
    """
    named: dict[tuple[str, str], Leftover] = {}
    closed = set()
    for ledger in sorted(reports.glob(f"*/{LEDGER}")):
        for line in _lines(ledger):
            if line["environment"] not in (environment, None):
                continue
            item = line.get("thing")
            identity = line["system"], str(item or line["account"])
            if line["event"] in _CLOSING:
                closed.add(identity)
            else:
                key, unknown = line.get("key"), _unknown(line)
                made = Leftover(line["system"], line["account"], float(line["at"]), key, ledger, item, unknown)
                if not (unknown and identity in named):
                    named[identity] = made
    return sorted(
        (found for identity, found in named.items() if identity not in closed),
        key=lambda found: (found.named, found.system, found.account),
    )


def _unknown(line: dict[str, Any]) -> str:
    """Return why this version cannot remove the test data of a ledger's line; "" if it can."""
    item = line.get("thing")
    if line["event"] not in _OPENING:
        return f"this version does not know the event {line['event']!r} of its ledger"
    if item is None and not _NAME.fullmatch(line["account"]):
        return "this version gives no account such a name"
    if item is not None and not (isinstance(item, str) and _ITEM.fullmatch(item)):
        return f"this version does not know this kind of test data: {item!r}"
    return ""


def _lines(ledger: Path) -> Iterator[dict[str, Any]]:
    """Yield the lines of a ledger. Skip truncated lines: no account was requested after one (registered.note).

    A complete line that lacks a field has the event "incomplete" and no environment if that is missing.
    """
    try:
        text = ledger.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise ConfigurationError(
            ledger, "", f"cannot be read: {error.strerror}", "Run the cleanup as the user of that run."
        ) from None
    for line in text.split("\n"):
        complete = line[max(0, line.rfind('{"at"')) :]  # a complete line may follow a truncated one on the same line
        try:
            found = json.loads(complete)
        except ValueError:
            continue
        if not isinstance(found, dict):
            continue
        if _is_time(found.get("at")) and all(isinstance(found.get(name), str) for name in _TEXTS):
            yield found
            continue
        known = {name: found[name] for name in _TEXTS if isinstance(found.get(name), str)}
        missing = {"environment": None, "system": "unknown", "account": complete[:60]}
        yield {**missing, **known, "event": "incomplete", "at": 0.0}


def _is_time(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


class Cleanup:
    """The removal of leftovers from the systems of one environment."""

    def __init__(self, environment: Environment, target: Callable[[str], Target]) -> None:
        """target: returns the system of that name. It is called only before something is sent to the system."""
        self._environment, self._target = environment, target
        self._key: Secret | None = environment.secrets.get("account_key")
        self._identified: set[str] = set()
        self._unreachable: dict[str, str] = {}  # system: the reason why nothing more is sent to it

    def results(self, found: Iterable[Leftover], *, dry_run: bool) -> Iterator[RemovalResult]:
        """Remove the leftovers and yield each result at once. dry_run: send nothing and write nothing."""
        for leftover in found:
            if reason := self._impossible(leftover):
                yield RemovalResult(leftover, RemovalStatus.LEFT, reason)
            elif dry_run:
                yield RemovalResult(leftover, RemovalStatus.LISTED)
            else:
                yield self._remove(leftover)

    def _impossible(self, leftover: Leftover) -> str:
        """Return the reason why a leftover cannot be removed, known without a request; empty if it can be removed."""
        from cutover.accounts.registered import key_id

        name = self._environment.name
        if leftover.unknown:
            return f"{leftover.unknown}. Remove it by hand, or with the version that wrote {leftover.ledger.name}"
        if leftover.system not in self._environment.systems:
            return f"{name} no longer has a {leftover.system}"
        if leftover.item is not None:
            pool = {account.variable for account in self._environment.accounts.get(leftover.system, ())}
            missing = [variable for variable in leftover.account.split(", ") if variable not in pool]
            if missing:
                return f"accounts.{leftover.system} no longer names {', '.join(missing)}"
        if reason := self._no_operation(leftover):
            return reason
        if leftover.item is not None:
            return ""
        if leftover.key is None:
            return "its run had no secrets.account_key, so its password is unknown"
        if self._key is None:
            return f"environments.toml [{name}] names no secrets.account_key, but its run had one"
        if leftover.key != key_id(self._key):
            return "its run had another account_key, so its password is unknown"
        return ""

    def _no_operation(self, leftover: Leftover) -> str:
        """Return why the system cannot remove this kind of test data; empty if it can."""
        kind = (leftover.item or "account").partition(" ")[0]
        operation = self._environment.operations[leftover.system][_REMOVAL[kind]]
        return f"{leftover.system} has no {operation.name}: {operation.absent}" if operation.absent else ""

    def _remove(self, leftover: Leftover) -> RemovalResult:
        """Remove one leftover and write the result to its ledger."""
        from cutover.core.errors import CheckFailed, MeasurementError, NotVerified

        system = leftover.system
        if system in self._unreachable:
            return RemovalResult(leftover, RemovalStatus.UNREACHED, self._unreachable[system])
        try:
            target = self._identified_target(system)
        except (MeasurementError, NotVerified, CheckFailed) as error:
            self._unreachable[system] = _first_lines(error)
            return RemovalResult(leftover, RemovalStatus.UNREACHED, self._unreachable[system])
        try:
            existed = self._send_removal(leftover, target)
        except MeasurementError as error:
            self._unreachable[system] = _first_lines(error)
            return RemovalResult(leftover, RemovalStatus.UNREACHED, self._unreachable[system])
        except Exception as error:  # noqa: BLE001 - it is listed, and the removal of the others continues
            return RemovalResult(leftover, RemovalStatus.LEFT, _first_lines(error))
        if existed:
            return self._close(leftover, "unmade" if leftover.item else "removed", RemovalStatus.REMOVED)
        if leftover.item is not None:
            return self._close(leftover, "unmade", RemovalStatus.GONE)
        if time.time() - leftover.named < SETTLED_S:
            reason = "not there, but less than a minute old: its registration may be in progress. Run the cleanup again"
            return RemovalResult(leftover, RemovalStatus.UNDECIDED, reason)
        return self._close(leftover, "gone", RemovalStatus.GONE)

    def _send_removal(self, leftover: Leftover, target: Target) -> bool:
        """Send the requests that remove a leftover. Return True if it existed."""
        if leftover.item is not None:
            from cutover.accounts.pool import remove_item

            kind, _, identity = leftover.item.partition(" ")
            return remove_item(target, leftover.account.split(", "), kind, identity)
        from cutover.accounts.registered import derived_password, remove_account

        if self._key is None:  # excluded by _impossible
            return False
        return remove_account(target, leftover.account, derived_password(self._key, leftover.system, leftover.account))

    def _identified_target(self, system: str) -> Target:
        """Return a system after its identity was checked: no password is sent to another system."""
        from cutover.systems.readiness import first_response

        target = self._target(system)
        if system not in self._identified:
            first_response(target)
            self._identified.add(system)
        return target

    def _close(self, leftover: Leftover, event: str, status: RemovalStatus) -> RemovalResult:
        """Write the result to the ledger."""
        from cutover.accounts.registered import note

        name = self._environment.name
        try:
            note(leftover.ledger, event, name, leftover.system, leftover.account, leftover.key, item=leftover.item)
        except OSError as error:
            return RemovalResult(leftover, status, f"could not be written to {leftover.ledger}: {error.strerror}")
        return RemovalResult(leftover, status)


def seconds_of(text: str) -> float:
    """Return the seconds of "90s", "30m", "1h", "2d" or "0". Raises ConfigurationError."""
    match = _TIME.fullmatch(text)
    if match is None:
        raise ConfigurationError("--older-than", "", f"expected a time, got {text!r}", "Write 90s, 30m, 1h, 2d or 0.")
    return float(match[1]) * SECONDS_PER_UNIT[match[2]] if match[1] else 0.0


def _first_lines(error: Exception) -> str:
    """Return the first three lines of an error on one line. The third line of a CheckFailed is the response."""
    lines = [line.strip() for line in str(error).splitlines()]
    return "; ".join(lines[:3]) if lines else type(error).__name__

"""Finds what killed runs left, in the ledgers of their reports, and removes it: test accounts, files in named accounts.

Not for what no ledger names, nor for what a run that ends by itself removes: accounts.py. Files and objects go
with a test account (delete_account); of an account that was given to the suite only what a run put there.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cutover.config.environment_option import named_environment
from cutover.config.environments import Environment, is_embedded
from cutover.config.validation import ConfigurationError, root
from cutover.core.safety import KillSwitch, SafetyLevel
from cutover.core.secrets import Secret, redact
from cutover.core.verdict import ExitCode

if TYPE_CHECKING:
    import argparse

    from cutover.systems.target import Target

LEDGER: Final = "test-data.jsonl"
SETTLED_S: Final = 60.0
"""Younger than that, an account that is not there may still come to be: its registration was under way."""

_NAME: Final = re.compile(r"cutover-[a-z0-9]+-[0-9a-f]{6}-[0-9]+[^\s\x00-\x1f\x7f]*")
"""Accounts.name: a number of ours, and the ending of a name of a special kind."""
_SPAN: Final = re.compile(r"(\d+(?:\.\d+)?)([smhd])|0")
_UNITS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_THING: Final = re.compile(r"(file|filter) ([A-Za-z0-9-]{1,64})")
_OPENING: Final = ("named", "made")
_CLOSING: Final = ("removed", "gone", "unmade")


@dataclass(frozen=True)
class Leftover:
    """An account that was named and not removed. named: Unix time; key: id of the account_key of its password.

    thing: "file ID" or "filter ID" that was made in a named account and not removed; `account` is then the variable
    that holds its name, or the several that the check used.
    """

    system: str
    account: str
    named: float
    key: str | None
    ledger: Path
    thing: str | None = None

    @property
    def what(self) -> str:
        """What it is, in the one word that a list has room for."""
        return self.thing or self.account


class Outcome(Enum):
    """What became of a leftover."""

    REMOVED = "removed"
    GONE = "not there"
    LISTED = "would be removed"
    LEFT = "left"
    UNREACHED = "not reached"


@dataclass(frozen=True)
class Row:
    """A leftover, what became of it, and why."""

    leftover: Leftover
    outcome: Outcome
    reason: str = ""

    @property
    def text(self) -> str:
        """Outcome and reason, redacted and on one line."""
        return redact(": ".join(filter(None, (self.outcome.value, " ".join(self.reason.split())))))


def leftovers(reports: Path, environment: str) -> list[Leftover]:
    """What the ledgers of reports/*/ name for that environment and do not call removed, oldest first.

    Raises ConfigurationError for a ledger that cannot be read.
    """
    named: dict[tuple[str, str], Leftover] = {}
    closed = set()
    for ledger in sorted(reports.glob(f"*/{LEDGER}")):
        for line in _lines(ledger):
            thing = line.get("thing")
            known = _THING.fullmatch(thing) if isinstance(thing, str) else _NAME.fullmatch(line["account"])
            if line["environment"] != environment or not known:
                continue
            identity = line["system"], thing or line["account"]
            if line["event"] in _CLOSING:
                closed.add(identity)
            elif line["event"] in _OPENING:
                key = line.get("key")
                named[identity] = Leftover(line["system"], line["account"], float(line["at"]), key, ledger, thing)
    return sorted(
        (found for identity, found in named.items() if identity not in closed),
        key=lambda found: (found.named, found.system, found.account),
    )


def _lines(ledger: Path) -> Iterator[dict[str, Any]]:
    """Its lines. One that a full disk cut off is skipped: its account was never asked for (accounts.note)."""
    try:
        text = ledger.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise ConfigurationError(
            ledger, "", f"cannot be read: {error.strerror}", "Sweep as the user who ran it."
        ) from None
    for line in text.split("\n"):
        whole = line[max(0, line.rfind('{"at"')) :]  # what was appended to one that was cut off
        try:
            found = json.loads(whole)
        except ValueError:
            continue
        if isinstance(found, dict) and isinstance(found.get("at"), (int, float)):
            texts = ("event", "environment", "system", "account")
            if all(isinstance(found.get(name), str) for name in texts):
                yield found


class Sweep:
    """Removes leftovers from the systems of one environment."""

    def __init__(self, environment: Environment, target: Callable[[str], Target]) -> None:
        """target: the system of that name; it is asked for when something is to be sent to it."""
        self._environment, self._target = environment, target
        self._key: Secret | None = environment.secrets.get("account_key")
        self._asked: set[str] = set()
        self._lost: dict[str, str] = {}  # system: why nothing is sent to it any more

    def rows(self, found: Iterable[Leftover], *, dry_run: bool) -> Iterator[Row]:
        """What becomes of each, as it happens. dry_run: nothing is sent and nothing written."""
        for leftover in found:
            if reason := self._out_of_reach(leftover):
                yield Row(leftover, Outcome.LEFT, reason)
            elif dry_run:
                yield Row(leftover, Outcome.LISTED)
            else:
                yield self._remove(leftover)

    def _out_of_reach(self, leftover: Leftover) -> str:
        """Why it cannot be removed, known before anything is sent; empty when it can."""
        from cutover.accounts.registered import key_id

        if leftover.system not in self._environment.systems:
            return f"{self._environment.name} has no {leftover.system} any more"
        if leftover.thing is not None:
            given = {account.variable for account in self._environment.accounts.get(leftover.system, ())}
            lost = [name for name in leftover.account.split(", ") if name not in given]
            return f"accounts.{leftover.system} does not name {', '.join(lost)} any more" if lost else ""
        if leftover.key is None:
            return "its run had no secrets.account_key, so nobody knows its password"
        if self._key is None:
            return f"environments.toml [{self._environment.name}] names no secrets.account_key, its run had one"
        if leftover.key != key_id(self._key):
            return "its run had another account_key, so this one does not give its password"
        return ""

    def _remove(self, leftover: Leftover) -> Row:
        from cutover.core.errors import CheckFailed, MeasurementError, NotVerified

        system = leftover.system
        if system in self._lost:
            return Row(leftover, Outcome.UNREACHED, self._lost[system])
        try:
            target = self._reached(system)
        except (MeasurementError, NotVerified, CheckFailed) as error:
            self._lost[system] = _first_line(error)
            return Row(leftover, Outcome.UNREACHED, self._lost[system])
        try:
            there = self._removed(leftover, target)
        except MeasurementError as error:
            self._lost[system] = _first_line(error)
            return Row(leftover, Outcome.UNREACHED, self._lost[system])
        except Exception as error:  # noqa: BLE001 - it is listed, and the next one's turn comes
            return Row(leftover, Outcome.LEFT, _first_line(error))
        if there:
            return self._closed(leftover, "unmade" if leftover.thing else "removed", Outcome.REMOVED)
        if leftover.thing is not None:
            return self._closed(leftover, "unmade", Outcome.GONE)
        if time.time() - leftover.named < SETTLED_S:
            return Row(leftover, Outcome.GONE, "as young as it is, the next sweep looks once more")
        return self._closed(leftover, "gone", Outcome.GONE)

    def _removed(self, leftover: Leftover, target: Target) -> bool:
        """Whether it was there to be removed."""
        if leftover.thing is not None:
            from cutover.accounts.pool import remove_thing

            kind, _, identity = leftover.thing.partition(" ")
            return remove_thing(target, leftover.account.split(", "), kind, identity)
        from cutover.accounts.registered import derived_password, remove_account

        if self._key is None:  # _out_of_reach has said so
            return False
        return remove_account(target, leftover.account, derived_password(self._key, leftover.system, leftover.account))

    def _reached(self, system: str) -> Target:
        """The system, once it has proved who it is: no password is sent to anybody else."""
        target = self._target(system)
        if system not in self._asked:
            target.call("health")
            self._asked.add(system)
        return target

    def _closed(self, leftover: Leftover, event: str, outcome: Outcome) -> Row:
        from cutover.accounts.registered import note

        name = self._environment.name
        try:
            note(leftover.ledger, event, name, leftover.system, leftover.account, leftover.key, thing=leftover.thing)
        except OSError as error:
            return Row(leftover, outcome, f"not noted in {leftover.ledger}: {error.strerror}")
        return Row(leftover, outcome)


def seconds_of(text: str) -> float:
    """Seconds of "90s", "30m", "1h", "2d" or "0". Raises ConfigurationError."""
    match = _SPAN.fullmatch(text)
    if match is None:
        raise ConfigurationError("--older-than", "", f"{text!r} is no span of time", "Write 90s, 30m, 1h, 2d or 0.")
    return float(match[1]) * _UNITS[match[2]] if match[1] else 0.0


def add_parser(commands: Any) -> None:
    """Add `sweep` to the subparsers of the command line."""
    sweep = commands.add_parser(
        "sweep",
        help="remove what killed runs left",
        description="Removes test accounts that killed runs left, with their files, "
        "and what they left in named accounts. 0: nothing is left; 10: something "
        "is (in a dry run: something was found); 11: a system cannot be reached.",
    )
    sweep.add_argument("--env", metavar="NAME", help="environment of environments.toml (CUTOVER_ENV)")
    sweep.add_argument("--dry-run", action="store_true", help="list what is found, send nothing")
    sweep.add_argument(
        "--older-than", metavar="SPAN", help="e.g. 90s, 30m, 1h, 2d (default: 0 where safety is disposable, else 1h)"
    )
    sweep.add_argument("--pair", metavar="NAME", help="running pair that `embedded` means (CUTOVER_PAIR; default)")
    sweep.add_argument("--reports", metavar="DIR", help="where the runs' folders are (default: reports/)")
    sweep.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """The command. Raises ConfigurationError, with nothing sent."""
    project = root()
    environment, _ = named_environment(project, options.env, options.pair)
    if environment.safety < SafetyLevel.TEST_DATA and not options.dry_run:
        raise ConfigurationError(
            project / "environments.toml",
            f"{environment.name}.safety",
            f"sweep needs test-data, {environment.safety.label} stands there",
            "Raise it, or look with --dry-run.",
        )
    reports = Path(options.reports) if options.reports else project / "reports"
    if options.reports and not reports.is_dir():
        raise ConfigurationError("--reports", "", f"{reports} is no folder", "Name the folder that holds the runs'.")
    if options.older_than is not None:
        least = seconds_of(options.older_than)
    else:
        least = 0.0 if environment.safety is SafetyLevel.DISPOSABLE else 3600.0
    now = time.time()
    found = _of_this_pair(project, environment, leftovers(reports, environment.name))
    old = [leftover for leftover in found if now - leftover.named >= least]
    return _swept(project, environment, old, young=len(found) - len(old), dry_run=options.dry_run, now=now)


def _of_this_pair(project: Path, environment: Environment, found: list[Leftover]) -> list[Leftover]:
    """On a pair, those of runs on this very pair: the others ended with theirs."""
    from cutover.accounts.registered import key_id

    if not is_embedded(project, environment.name):
        return found
    own = key_id(environment.secrets["account_key"])
    return [leftover for leftover in found if leftover.key == own]


def _swept(
    project: Path, environment: Environment, old: list[Leftover], *, young: int, dry_run: bool, now: float
) -> int:
    """Sweep, say line by line what was done, and return the exit code."""
    from cutover.client.http import Client, new_run_id
    from cutover.client.rate_limiter import RateLimiter
    from cutover.core.recorder import Recorder
    from cutover.embedded.folders import base
    from cutover.systems.target import Target

    recorder = Recorder()
    client = Client(
        environment,
        recorder=recorder,
        rate_limiter=RateLimiter(base() / "pacing", environment.url, environment.budget),
        kill_switch=KillSwitch(project),
        run=new_run_id(),
    )
    counts = dict.fromkeys(Outcome, 0)
    width = max((len(leftover.what) for leftover in old), default=0)
    if old:
        _say(f"{'system':<8}{'what':<{width + 2}}{'age':<8}what was done")
    sweep = Sweep(environment, lambda system: Target(system, environment, client, recorder))
    try:
        for row in sweep.rows(old, dry_run=dry_run):
            counts[row.outcome] += 1
            leftover = row.leftover
            _say(f"{leftover.system:<8}{leftover.what:<{width + 2}}{_span(now - leftover.named):<8}{row.text}")
    except KeyboardInterrupt:
        _say("interrupted; what stands above is done")
        return ExitCode.INTERRUPTED
    finally:
        client.close()
    if counts[Outcome.UNREACHED]:
        code = ExitCode.INVALID
    elif counts[Outcome.LEFT] or counts[Outcome.LISTED]:
        code = ExitCode.INCONCLUSIVE
    else:
        code = ExitCode.GO
    shown = [f"{count} {outcome.value}" for outcome, count in counts.items() if count]
    shown += [f"{young} too young and let alone"] if young else []
    mode = "dry run, nothing was sent: " if dry_run else ""
    _say(f"sweep of {environment.name} ({environment.url}): {mode}{', '.join(shown) or 'nothing is left'}")
    return code


def _first_line(error: Exception) -> str:
    """What stopped it. A CheckFailed says what came on its third line."""
    lines = [line.strip() for line in str(error).splitlines()]
    return "; ".join(lines[:3]) if lines else type(error).__name__


def _span(seconds: float) -> str:
    for unit in ("d", "h", "m"):
        if seconds >= 2 * _UNITS[unit]:
            return f"{seconds / _UNITS[unit]:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def _say(text: str) -> None:
    """Print at once; a reader that has left does not end the sweep."""
    try:
        sys.stdout.write(f"{redact(text)}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

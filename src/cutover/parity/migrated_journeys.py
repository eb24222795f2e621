"""Journeys of migrated accounts: the Worker must return the same content as Django.

Nothing is written except the time of the login. Rows and objects are compared by migration/.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Final

from cutover.accounts.migrated_accounts import MigratedAccount
from cutover.core.errors import CheckFailed, NotVerified
from cutover.parity.journey_in_progress import JourneyInProgress
from cutover.parity.journeys.actions import export, list_files, login, logout, user
from cutover.parity.played import PlayedJourney
from cutover.parity.player import Player
from cutover.parity.steps import Journey, Ref, Step

FILES_EACH: Final = 4
"""Number of files per account that are downloaded and exported, evenly from newest to oldest. All are listed."""
NO_EMAIL: Final = "no e-mail"
"""The case of an account without an e-mail: '' in Django, NULL in D1 (contracts/migration.toml, empty_is_null)."""

_ACTOR: Final = "ann"
_COLUMNS: Final = 20
_LISTED: Final = "the list"


def play_migrated(player: Player, take: Callable[[PlayedJourney], None], accounts: Sequence[MigratedAccount]) -> None:
    """Play the journey of every account and give each to `take`.

    Raises NotVerified if no active account has a file, because no file was compared then.
    """
    files = 0
    for account in accounts:
        kind = "migrated_account" if account.active else "migrated_account_that_is_disabled"
        story = "A migrated account logs in, lists its files, and downloads and exports them."
        playing = player.begin_migrated(
            Journey(f"{kind}_{account.label.rpartition(' ')[2]}", story, (), ()),
            {_ACTOR: (account.username, account.password)},
        )
        files += _play(playing, account)
        take(playing.played)
    if not files:
        raise NotVerified("no migrated account with a known password has a file")


def _play(playing: JourneyInProgress, account: MigratedAccount) -> int:
    """Play the journey of one account. Return the number of compared files."""
    case = NO_EMAIL if account.without_email else ""
    playing.step(dataclasses.replace(login(_ACTOR), case=case))
    statuses = playing.played.steps[-1].statuses
    wanted = (200,) if account.active else (401,)
    if not account.active or not all(status in wanted for status in statuses):
        if any(status not in wanted for status in statuses):
            raise CheckFailed(
                "migrated:login",
                expected=f"{account.label} of migrated_accounts, {'active' if account.active else 'disabled'}: "
                f"status {wanted[0]} on both systems",
                got=f"Django {statuses[0]}, Worker {statuses[1]}",
                contract="contracts/api.md, Accounts",
                do_next="check the password in the file. If Django accepts it, the Worker cannot verify the hash: "
                "run `cutover reconcile` to find the reason",
            )
        return 0
    playing.step(user(_ACTOR, case=case))
    playing.step(list_files(_ACTOR, saves=_LISTED))
    saved = [side.saved.get(_LISTED) for side in playing.sides]
    number = min((len(result.entries("files")) for result in saved if result is not None), default=0)
    chosen = sorted({place * number // FILES_EACH for place in range(FILES_EACH)}) if number else []
    for index in chosen:
        _file(playing, index)
    playing.step(logout(_ACTOR))
    return len(chosen)


def _file(playing: JourneyInProgress, index: int) -> None:
    file = {"file_id": Ref(_LISTED, f"files/{index}/file_id")}
    saves = f"the columns of file {index}"
    playing.step(Step("download", _ACTOR, path=file))
    playing.step(Step("columns", _ACTOR, path=file, saves=saves))
    read = playing.sides[0].saved.get(saves)
    if read is None:  # malformed and refused by both, or already reported as a difference
        return
    names = [name for name in read.field("columns") if isinstance(name, str)][:_COLUMNS]
    playing.step(Step("export", _ACTOR, path=file, fields={"columns": names, "filters": []}))
    for name in names[:1]:
        cut = export(_ACTOR, "", [name], (name, ">=", "m"))
        playing.step(Step("export", _ACTOR, path=file, fields=cut.fields))

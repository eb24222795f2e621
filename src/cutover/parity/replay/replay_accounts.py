"""The accounts of a replay: logged in on both systems, with the files that recorded ids may refer to.

New accounts are registered for the run and removed after it.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cutover.accounts.registered import Account, Accounts
from cutover.accounts.sessions import take_session
from cutover.client.jwt import claims
from cutover.config.validation import ConfigurationError
from cutover.core.errors import CheckFailed, IdentityMismatch
from cutover.core.recorder import Recorder
from cutover.corpus import list_files
from cutover.parity.replay.identities import Identities, Login, MappedIdentity
from cutover.systems.target import Target

_LARGEST_UPLOAD: Final = 20_000
_UNKNOWN_LIFETIME_S: Final = 300.0


@dataclass
class ReplayAccount:
    """One account on both systems. files: system -> ids of its list, in the list's order, before the first line."""

    mapped: MappedIdentity
    accounts: dict[str, Account]
    files: dict[str, list[str]] = field(default_factory=dict)
    renew_at: float = 0.0


class ReplayAccounts:
    """The accounts of all identities of the identities file."""

    def __init__(self, identities: Identities, targets: Mapping[str, Target], run: str, ledger: Path) -> None:
        label = secrets.token_hex(3)
        self._targets, self._identities = targets, identities
        self._made = {side: Accounts(target, run, ledger, label=label) for side, target in targets.items()}
        self.by_identity: dict[str, ReplayAccount] = {}

    def prepare(self) -> None:
        """Log in to all accounts, register the new ones, upload their files, and list all files.

        Raises ConfigurationError for an account that cannot log in; CheckFailed; IdentityMismatch if both addresses
        lead to one system.
        """
        identities = list(self._identities.mapped.values())
        for mapped in sorted(identities, key=lambda each: each.account or 0):
            if mapped.account is None:
                accounts = {side: self._logged_in(mapped.name, side, login) for side, login in mapped.logins.items()}
            else:
                accounts = {side: made.new() for side, made in self._made.items()}
            replay_account = self.by_identity[mapped.name] = ReplayAccount(mapped, accounts)
            self._note_lifetime(replay_account)
            self._upload(replay_account)
            for side, target in self._targets.items():
                listed = target.call("list_files", token=accounts[side].access_token).expect_status()
                replay_account.files[side] = [str(entry["file_id"]) for entry in listed.entries("files")]
        self._prove_two_systems()

    def renew(self, replay_account: ReplayAccount) -> None:
        """Log in again on both systems if half of the tokens' lifetime is over."""
        if time.monotonic() < replay_account.renew_at:
            return
        for side, target in self._targets.items():
            account = replay_account.accounts[side]
            fields = {"username": account.username, "password": account.password}
            login = target.call("login", fields=fields).expect_status()
            take_session(target, account, login)
        self._note_lifetime(replay_account)

    def close(self, recorder: Recorder) -> None:
        """Remove the new accounts. Accounts that cannot be removed are recorded. Raises MeasurementError."""
        for made in self._made.values():
            made.close(recorder)

    def names(self) -> Sequence[tuple[str, str]]:
        """Return names and e-mails that differ between the systems, as (legacy, Worker)."""
        pairs = []
        for replay_account in self.by_identity.values():
            legacy, worker = replay_account.accounts["legacy"], replay_account.accounts["worker"]
            pairs += [(legacy.username, worker.username), (legacy.email, worker.email)]
        return [(one, other) for one, other in pairs if one != other]

    def _logged_in(self, name: str, side: str, login: Login) -> Account:
        account = Account(login.username.reveal(), "", login.password)
        answer = self._targets[side].call("login", fields={"username": account.username, "password": account.password})
        if answer.is_status(400, 401):
            raise ConfigurationError(
                self._identities.file,
                f'identities."{name}".{side}',
                f"the account of {login.variable} cannot log in on {side} ({answer.status})",
                "Check name and password. If they are right, the user cannot log in either.",
            )
        answer.expect_status()
        take_session(self._targets[side], account, answer)
        return account

    def _upload(self, replay_account: ReplayAccount) -> None:
        kinds = [kind for kind in list_files() if kind.accepted and not kind.malformed and kind.size <= _LARGEST_UPLOAD]
        for number in range(replay_account.mapped.uploads):
            kind = kinds[number % len(kinds)]
            file = (f"replay-{number + 1}.csv", kind.content, "text/csv")
            for side, target in self._targets.items():
                target.call("upload", token=replay_account.accounts[side].access_token, file=file).expect_status()

    def _note_lifetime(self, replay_account: ReplayAccount) -> None:
        lifetimes = []
        for account in replay_account.accounts.values():
            try:
                answer = claims(account.access_token)[1]
                lifetimes.append(float(answer["exp"]) - float(answer["iat"]))
            except (CheckFailed, KeyError, TypeError, ValueError):
                lifetimes.append(_UNKNOWN_LIFETIME_S)
        replay_account.renew_at = time.monotonic() + max(1.0, min(lifetimes) / 2)

    def _prove_two_systems(self) -> None:
        """Raise IdentityMismatch if the Worker accepts a token of the legacy system."""
        for replay_account in list(self.by_identity.values())[:1]:
            worker, legacy = self._targets["worker"], self._targets["legacy"]
            answer = worker.call("user", token=replay_account.accounts["legacy"].access_token)
            if answer.status in answer.operation.statuses:
                raise IdentityMismatch(
                    f"{worker.url} accepts a token issued by {legacy.url}: both addresses lead to the same system. "
                    f"Correct environments.toml [{worker.environment.name}], or the route in front of them."
                )

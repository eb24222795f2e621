"""The accounts of a replay: logged in on both systems, with the files that a recorded id may stand for.

Fresh accounts are registered for the run and removed after it. Not for whose an identity is: identities.py.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cutover.accounts.registered import Account, Accounts
from cutover.client.jwt import claims
from cutover.config.validation import ConfigurationError
from cutover.core.errors import CheckFailed, IdentityMismatch
from cutover.core.recorder import Recorder
from cutover.corpus import list_files
from cutover.parity.replay.identities import Identities, Login, Mapped
from cutover.systems.target import Target

_LARGEST_UPLOAD: Final = 20_000
_UNKNOWN_LIFETIME_S: Final = 300.0


@dataclass
class Person:
    """One account on both systems. files: system -> ids of its list, in the list's order, before the first line."""

    mapped: Mapped
    accounts: dict[str, Account]
    files: dict[str, list[str]] = field(default_factory=dict)
    renew_at: float = 0.0


class People:
    """Everybody whom the identities file maps."""

    def __init__(self, identities: Identities, targets: Mapping[str, Target], run: str, ledger: Path) -> None:
        label = secrets.token_hex(3)
        self._targets, self._identities = targets, identities
        self._made = {side: Accounts(target, run, ledger, label=label) for side, target in targets.items()}
        self.people: dict[str, Person] = {}

    def prepare(self) -> None:
        """Log everybody in, register the fresh accounts, upload their files, and list everybody's.

        Raises ConfigurationError for an account that a system does not let in; CheckFailed; IdentityMismatch when both
        addresses lead to one system.
        """
        everybody = list(self._identities.people.values())
        for mapped in sorted(everybody, key=lambda each: each.account or 0):
            if mapped.account is None:
                accounts = {side: self._logged_in(mapped.name, side, login) for side, login in mapped.logins.items()}
            else:
                accounts = {side: made.new() for side, made in self._made.items()}
            person = self.people[mapped.name] = Person(mapped, accounts)
            self._note_lifetime(person)
            self._upload(person)
            for side, target in self._targets.items():
                listed = target.call("list_files", token=accounts[side].access_token).expect_status()
                person.files[side] = [str(entry["file_id"]) for entry in listed.entries("files")]
        self._prove_two_systems()

    def renew(self, person: Person) -> None:
        """Log in anew on both systems when the tokens are past half of their life."""
        if time.monotonic() < person.renew_at:
            return
        for side, target in self._targets.items():
            account = person.accounts[side]
            fields = {"username": account.username, "password": account.password}
            login = target.call("login", fields=fields).expect_status()
            account.access_token = login.secret("access_token")
            account.refresh_token = login.secret("refresh_token")
        self._note_lifetime(person)

    def close(self, recorder: Recorder) -> None:
        """Remove the fresh accounts; what is left over is written down. Raises MeasurementError."""
        for made in self._made.values():
            made.close(recorder)

    def names(self) -> Sequence[tuple[str, str]]:
        """Names and addresses that are not the same on both systems, legacy's first."""
        pairs = []
        for person in self.people.values():
            legacy, worker = person.accounts["legacy"], person.accounts["worker"]
            pairs += [(legacy.username, worker.username), (legacy.email, worker.email)]
        return [(one, other) for one, other in pairs if one != other]

    def _logged_in(self, name: str, side: str, login: Login) -> Account:
        account = Account(login.username.reveal(), "", login.password)
        told = self._targets[side].call("login", fields={"username": account.username, "password": account.password})
        if told.status in (400, 401):
            raise ConfigurationError(
                self._identities.file,
                f'identities."{name}".{side}',
                f"the account of {login.variable} cannot log in on {side} ({told.status})",
                "Are name and password right? If they are, its user cannot log in either.",
            )
        told.expect_status()
        account.user_id = told.field("user_id")
        account.access_token, account.refresh_token = told.secret("access_token"), told.secret("refresh_token")
        return account

    def _upload(self, person: Person) -> None:
        kinds = [kind for kind in list_files() if kind.accepted and not kind.malformed and kind.size <= _LARGEST_UPLOAD]
        for number in range(person.mapped.uploads):
            kind = kinds[number % len(kinds)]
            file = (f"replay-{number + 1}.csv", kind.content, "text/csv")
            for side, target in self._targets.items():
                target.call("upload", token=person.accounts[side].access_token, file=file).expect_status()

    def _note_lifetime(self, person: Person) -> None:
        lifetimes = []
        for account in person.accounts.values():
            try:
                told = claims(account.access_token)[1]
                lifetimes.append(float(told["exp"]) - float(told["iat"]))
            except (CheckFailed, KeyError, TypeError, ValueError):
                lifetimes.append(_UNKNOWN_LIFETIME_S)
        person.renew_at = time.monotonic() + max(1.0, min(lifetimes) / 2)

    def _prove_two_systems(self) -> None:
        """The legacy's token is refused by the Worker, or both are one system under two addresses."""
        for person in list(self.people.values())[:1]:
            worker, legacy = self._targets["worker"], self._targets["legacy"]
            answer = worker.call("user", token=person.accounts["legacy"].access_token)
            if answer.status in answer.operation.statuses:
                raise IdentityMismatch(
                    f"{worker.url} honours a token of {legacy.url}: both addresses lead to one system, which would be "
                    f"compared with itself. Mend environments.toml [{worker.environment.name}], or the route in front."
                )

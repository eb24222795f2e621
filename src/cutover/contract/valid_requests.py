"""For each operation one request that succeeds, made by somebody who owns what it is about.

Checks take it apart: leave the token out, take another's, break a field. Not for what the answer must be.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

from cutover.accounts.registered import Account, Accounts
from cutover.config.operations import Operation
from cutover.core.secrets import Secret
from cutover.systems.target import Target

OPEN: Final = frozenset(
    {"health", "metrics", "register", "login", "refresh", "index", "front_end", "no_such_operation"}
)
"""Operations that nobody needs a token for. Every other one, also one that is new, must ask for it."""
ENDS: Final = ("delete_filter", "delete", "logout", "delete_account")
"""Operations whose exercise succeeds only once, in the order in which they leave one another something to end."""
CONTENT: Final = b'name,city,amount\r\nAnn,Oslo,10\r\n"Bo, jr.",Rome,9.50\r\nCleo,Oslo,-3\r\n'
_NOWHERE: Final = "00000000-0000-4000-8000-000000000000"
_NO_FILTER: Final = "9007199254740991"
_PROCESSED_WITHIN_S: Final = 30.0


@dataclass(frozen=True)
class Person:
    """An account and what it owns: a list file, and where the system has filters, a private and a public one.

    spare: a name that is not registered yet, for the exercise of register.
    """

    account: Account
    file_id: str = _NOWHERE
    filter_id: str = _NO_FILTER
    public_filter_id: str = _NO_FILTER
    spare: Account | None = None

    @property
    def token(self) -> Secret:
        """The access token of the registration or login."""
        return self.account.access_token

    def without_things(self) -> Person:
        """The same account, with ids that nothing has."""
        return replace(self, file_id=_NOWHERE, filter_id=_NO_FILTER, public_filter_id=_NO_FILTER)


def settle(target: Target, accounts: Accounts, *, spare: bool = False) -> Person:
    """A new account with one file, read to its end, and its filters. Raises CheckFailed when that cannot be made.

    spare: also a name to register; it is in the ledger, so that it is removed should it come to be registered.
    """
    person = Person(accounts.new(), spare=accounts.name() if spare else None)
    upload = target.call("upload", token=person.token, **exercise("upload", person)).expect_status()
    person = replace(person, file_id=str(upload.field("file_id")))
    # Not the ones of the exercise: what clears or sets them must show.
    target.call(
        "tags", token=person.token, path={"file_id": person.file_id}, fields={"tags": ["settled"]}
    ).expect_status()
    operations = target.environment.operations[target.system]
    if operations["file"].absent is None:
        await_processing(target, person)
    if operations["create_filter"].absent is None:
        private, public = (
            target.call("create_filter", token=person.token, fields=_filter(person, is_public=is_public))
            .expect_status()
            .field("filter_id")
            for is_public in (False, True)
        )
        person = replace(person, filter_id=str(private), public_filter_id=str(public))
    return person


def await_processing(target: Target, person: Person) -> None:
    """Wait until the file has been read: before that its data change by themselves. Raises CheckFailed when never."""
    result, _, ended = target.poll(
        lambda: target.call("file", token=person.token, path={"file_id": person.file_id}).expect_status(),
        lambda seen: seen.field("upload_status") not in ("pending", "processing"),
        _PROCESSED_WITHIN_S,
        interval_s=0.02,
    )
    if not ended:
        raise result.failed(
            "processing:never-ends", expected=f"an end within {_PROCESSED_WITHIN_S:g} s", got=result.answer.excerpt
        )


def exercise(name: str, person: Person) -> dict[str, Any]:
    """Arguments of Target.call, but for the token, with which that operation succeeds for this person.

    Raises KeyError for an operation that nobody has written an exercise for: a new one is not passed over.
    """
    account = person.account
    file, saved = {"file_id": person.file_id}, {"filter_id": person.filter_id}
    made: dict[str, dict[str, Any]] = {
        "health": {},
        "metrics": {},
        "register": {"fields": _registration(person.spare)},
        "login": {"fields": {"username": account.username, "password": account.password}},
        "refresh": {"fields": {"refresh_token": account.refresh_token}},
        "user": {},
        "logout": {"fields": {"refresh_token": account.refresh_token}},
        "delete_account": {"fields": {"password": account.password}},
        "upload": {"file": ("contract.csv", CONTENT, "text/csv")},
        "list_files": {},
        "file": {"path": file},
        "download": {"path": file},
        "delete": {"path": file},
        "tags": {"path": file, "fields": {"tags": ["kept", "by contract"]}},
        "columns": {"path": file},
        "export": {"path": file, "fields": _cut()},
        "list_filters": {},
        "create_filter": {"fields": _filter(person, is_public=False)},
        "filter": {"path": saved},
        "delete_filter": {"path": saved},
        "index": {},
        "front_end": {"path": {"path": "files"}},
        "no_such_operation": {},
    }
    return made[name]


def guarded(operations: list[Operation]) -> list[Operation]:
    """Those of them that need a token, the ones that end things last."""
    found = [operation for operation in operations if operation.name not in OPEN]
    return sorted(found, key=lambda operation: ENDS.index(operation.name) if operation.name in ENDS else -1)


def about_things(operations: list[Operation]) -> list[Operation]:
    """Those that name a thing which somebody owns, by path or in the body."""
    return [
        operation
        for operation in guarded(operations)
        if "{file_id}" in operation.path or "{filter_id}" in operation.path or "file_id" in operation.request
    ]


def _registration(account: Account | None) -> dict[str, Any]:
    if account is None:
        return {}
    return {
        "username": account.username,
        "email": account.email,
        "password": account.password,
        "password_again": account.password,
    }


def _cut() -> dict[str, Any]:
    return {"columns": ["name", "amount"], "filters": [{"column": "city", "operator": "=", "value": "Oslo"}]}


def _filter(person: Person, *, is_public: bool) -> dict[str, Any]:
    return {
        "name": "by contract",
        "description": "made by a check",
        "file_id": person.file_id,
        "filter_config": _cut(),
        "is_public": is_public,
    }

"""One valid request for each operation, made by the owner of the object that it concerns.

Checks modify it: they omit the token, use the token of another user, or break a field.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from cutover.accounts.registered import Account, Accounts
from cutover.accounts.sessions import take_session
from cutover.config.operations import Operation
from cutover.core.errors import Blocked
from cutover.core.secrets import Secret
from cutover.systems.target import Result, Target

UNAUTHENTICATED: Final = frozenset(
    {"health", "metrics", "register", "login", "refresh", "index", "front_end", "no_such_operation"}
)
"""Operations without a token. Every other operation, also a new one, must require a token."""
DESTRUCTIVE: Final = ("delete_filter", "delete", "logout", "delete_account")
"""Operations whose valid request succeeds only once, in an order in which each of them still succeeds."""
CONTENT: Final = b'name,city,amount\r\nAnn,Oslo,10\r\n"Bo, jr.",Rome,9.50\r\nCleo,Oslo,-3\r\n'
_NOWHERE: Final = "00000000-0000-4000-8000-000000000000"
_NO_FILTER: Final = "9007199254740991"
_PROCESSED_WITHIN_S: Final = 30.0
_REST_S: Final = 5.0
_NO_FILE: Final = frozenset({"filter_id", "path", "user_id", "username"})
"""Parameters that are no value of a file."""
OBJECTS: Final = ("upload", "tags", "create_filter")
"""Operations that create the objects of a person, in their order."""


@dataclass(frozen=True)
class Person:
    """An account with its objects: a list file and, if the system has filters, a private and a public filter.

    spare: a name that is not registered yet, for the valid request of `register`. missing: broken precondition -> what
    was observed, if an object could not be created; its id is then one that does not exist.
    """

    account: Account
    file_id: str = _NOWHERE
    filter_id: str = _NO_FILTER
    public_filter_id: str = _NO_FILTER
    spare: Account | None = None
    missing: Mapping[str, str] = field(default_factory=dict)

    @property
    def token(self) -> Secret:
        """Return the access token of the registration or login."""
        return self.account.access_token

    @property
    def has_file(self) -> bool:
        """Return True if the file exists."""
        return self.file_id != _NOWHERE

    def with_unknown_ids(self) -> Person:
        """Return the same account with ids of objects that do not exist."""
        return replace(self, file_id=_NOWHERE, filter_id=_NO_FILTER, public_filter_id=_NO_FILTER)


def create_person(
    target: Target,
    accounts: Accounts,
    *,
    objects: Sequence[str] = ("upload", "create_filter"),
    requires: Sequence[str] = (),
    spare: bool = False,
) -> Person:
    """Create an account, and the objects that these operations create, as far as they work.

    objects: a part of OBJECTS; create_filter and tags need upload. requires: those without which the check can do
    nothing. spare: also reserve a name for `register`. The ledger lists it, so that the cleanup removes it if it is
    registered. Raises Blocked if there is no account or a required object; other missing objects are in
    `Person.missing` and in the record.
    """
    person = Person(accounts.new(), spare=accounts.name() if spare else None)
    for name in (each for each in OBJECTS if each in (*objects, *requires)):
        if name not in requires and not target.has(name):
            continue
        try:
            person = _CREATE[name](target, person)
        except Blocked as blocked:
            if name in requires:
                raise
            target.recorder.note_undetectable(f"effects on objects of {name}: {blocked}")
            person = replace(person, missing={**person.missing, **blocked.causes})
            if name == "upload":
                break  # the others concern the file
    return person


def _with_file(target: Target, person: Person) -> Person:
    sent = valid_request("upload", person)
    uploaded = target.prepare("upload", token=person.token, having=("file_id",), **sent)
    person = replace(person, file_id=str(uploaded.field("file_id")))
    if target.has("file"):
        try:
            await_processing(target, person)
        except Blocked as blocked:
            target.recorder.note_undetectable(f"effects on the data of a file that is not processed: {blocked}")
            _await_rest(target, person)
    return person


def _with_tags(target: Target, person: Person) -> Person:
    # Other tags than those of the valid request, so that clearing or setting them is visible.
    path = {"file_id": person.file_id}
    target.prepare("tags", token=person.token, path=path, fields={"tags": ["settled"]})
    return person


def _with_filters(target: Target, person: Person) -> Person:
    private, public = (
        target.prepare(
            "create_filter", token=person.token, having=("filter_id",), fields=_filter(person, is_public=is_public)
        ).field("filter_id")
        for is_public in (False, True)
    )
    return replace(person, filter_id=str(private), public_filter_id=str(public))


_CREATE: Final = {"upload": _with_file, "tags": _with_tags, "create_filter": _with_filters}


def await_processing(target: Target, person: Person) -> None:
    """Wait until the file is processed, because its data change until then. Raises Blocked after 30 s.

    A system whose file data have no status does not process a file after its upload.
    """
    if not target.operation("file").has("upload_status"):
        return
    with target.needs("processing"):
        result, _, ended = target.poll(
            lambda: target.prepare("file", token=person.token, path={"file_id": person.file_id}),
            lambda seen: seen.field("upload_status") not in ("pending", "processing"),
            _PROCESSED_WITHIN_S,
            interval_s=0.02,
        )
        if not ended:
            raise result.failed(
                "processing:never-ends", expected=f"an end within {_PROCESSED_WITHIN_S:g} s", got=result.answer.excerpt
            )


def _await_rest(target: Target, person: Person) -> None:
    """Wait until two lists of the person's files are equal, at most 5 s. For systems whose file data are broken."""
    seen: list[object] = []

    def is_at_rest(result: Result) -> bool:
        seen.append(result.body)
        return len(seen) > 1 and seen[-1] == seen[-2]

    target.poll(lambda: target.call("list_files", token=person.token), is_at_rest, _REST_S, interval_s=0.3)


def valid_request(name: str, person: Person) -> dict[str, Any]:
    """Return the arguments of Target.call, without the token, of a request that succeeds for this person.

    Raises KeyError for an operation without a valid request here, so that a new operation is not skipped.
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


def objects_for(operation: Operation) -> tuple[str, ...]:
    """Return the operations that create the objects which a valid request to this operation concerns."""
    if "filter_id" in operation.values:
        return ("upload", "create_filter")
    return ("upload",) if concerns_file(operation) else ()


def concerns_file(operation: Operation) -> bool:
    """Return True if a request names a file: by its id or another value of it, in the path or in the body."""
    return bool(operation.values - _NO_FILE) or "file_id" in operation.request


def authenticated_operations(operations: list[Operation]) -> list[Operation]:
    """Return the operations that require a token, the destructive ones last."""
    found = [operation for operation in operations if operation.name not in UNAUTHENTICATED]
    return sorted(
        found, key=lambda operation: DESTRUCTIVE.index(operation.name) if operation.name in DESTRUCTIVE else -1
    )


def renew_session(target: Target, person: Person) -> None:
    """Log the person in again, after an accepted logout or refresh that may have ended a token of the session.

    Raises the errors of Target.prepare and of take_session.
    """
    login = target.prepare("login", having=("access_token",), **valid_request("login", person))
    take_session(target, person.account, login)


def object_operations(operations: list[Operation]) -> list[Operation]:
    """Return the operations that concern an owned object, named in the path or in the body."""
    return [operation for operation in authenticated_operations(operations) if objects_for(operation)]


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

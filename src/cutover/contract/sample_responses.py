"""Sample responses of every operation: with a valid token, without, with a bad token, and with invalid requests.

Checks use them for promises that apply to every response.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from cutover.config.operations import Operation
from cutover.contract.valid_requests import UNAUTHENTICATED, Person, valid_request
from cutover.core.secrets import new_password
from cutover.systems.target import Result, Target

_ELSEWHERE: Final = ("front_end", "index")
_REFUSED: Final = (b'{"cut off', "application/json")


def sample_responses(
    target: Target, person: Person, operations: list[Operation], headers: Mapping[str, str] | None = None
) -> Iterator[tuple[str, Result]]:
    """Yield (role or kind of the request, response). The person's files and filters are deleted in the process.

    headers: sent with each request. The account and its session remain.
    """
    more: dict[str, Any] = {"headers": dict(headers or {})}
    for operation in sorted(operations, key=lambda operation: operation.method == "DELETE"):
        name = operation.name
        if name in ("logout", "delete_account"):
            continue
        asked = valid_request(name, person)
        if name not in UNAUTHENTICATED:
            yield "anonymous", target.call(name, **asked, **more)
            yield "a bad token", target.call(name, token="a.b.c", **asked, **more)  # noqa: S106 - not a real token
        yield "the owner", target.call(name, token=None if name in UNAUTHENTICATED else person.token, **asked, **more)
        if operation.method == "GET":
            yield (
                "the owner by HEAD",
                target.call(
                    name, token=None if name in UNAUTHENTICATED else person.token, method="HEAD", **asked, **more
                ),
            )
        if "{" in operation.path and name not in _ELSEWHERE:
            yield (
                "the owner, of an unknown id",
                target.call(name, token=person.token, **valid_request(name, person.with_unknown_ids()), **more),
            )
        if operation.request and "file" not in operation.request:
            refused = {key: value for key, value in asked.items() if key != "fields"}
            token = None if name in UNAUTHENTICATED else person.token
            yield "a broken body", target.call(name, token=token, content=_REFUSED, **refused, **more)
        if name == "download":
            for kind, condition in _conditions(target, person):
                yield kind, target.call(name, token=person.token, headers={**more["headers"], **condition}, **asked)
    wrong: dict[str, tuple[str, dict[str, Any]]] = {
        "user": ("another method", {"method": "PUT", "token": person.token}),
        "login": ("a wrong password", {"fields": {"username": person.account.username, "password": new_password()}}),
        "logout": ("a wrong token", {"token": person.token, "fields": {"refresh_token": person.token}}),
        "upload": ("the wrong media type", {"token": person.token, "content": (b"a,b\n", "text/plain")}),
    }
    for name, (kind, request) in wrong.items():
        if target.has(name):
            yield kind, target.call(name, **request, **more)


def _conditions(target: Target, person: Person) -> Iterator[tuple[str, dict[str, str]]]:
    whole = target.call("download", token=person.token, path={"file_id": person.file_id})
    if etag := whole.answer.headers.get("etag"):
        yield "a conditional request", {"if-none-match": etag}
    yield "a range", {"range": "bytes=0-3"}
    yield "an unsatisfiable range", {"range": "bytes=999999-"}

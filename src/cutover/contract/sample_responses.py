"""One of each kind of answer: what every operation says to its owner, to nobody, to a bad token, and when it refuses.

For promises that hold of every answer. Not for whether an operation does what it should.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from cutover.config.operations import Operation
from cutover.contract.valid_requests import OPEN, Person, exercise
from cutover.core.secrets import new_password
from cutover.systems.target import Result, Target

_ELSEWHERE: Final = ("front_end", "index")
_REFUSED: Final = (b'{"cut off', "application/json")


def tour(
    target: Target, person: Person, operations: list[Operation], headers: Mapping[str, str] | None = None
) -> Iterator[tuple[str, Result]]:
    """(who asked or what was asked, answer), the person's things being deleted on the way.

    headers: sent with each request. The account itself stays, and its session as well.
    """
    more: dict[str, Any] = {"headers": dict(headers or {})}
    ends = sorted(operations, key=lambda operation: operation.method == "DELETE")
    for operation in ends:
        name = operation.name
        if name in ("logout", "delete_account"):
            continue
        asked = exercise(name, person)
        if name not in OPEN:
            yield "nobody", target.call(name, **asked, **more)
            yield "a bad token", target.call(name, token="a.b.c", **asked, **more)  # noqa: S106 - it is none
        yield "the owner", target.call(name, token=None if name in OPEN else person.token, **asked, **more)
        if operation.method == "GET":
            yield (
                "the owner by HEAD",
                target.call(name, token=None if name in OPEN else person.token, method="HEAD", **asked, **more),
            )
        if "{" in operation.path and name not in _ELSEWHERE:
            yield (
                "the owner, of nothing",
                target.call(name, token=person.token, **exercise(name, person.without_things()), **more),
            )
        if operation.request and "file" not in operation.request:
            refused = {key: value for key, value in asked.items() if key != "fields"}
            token = None if name in OPEN else person.token
            yield "a broken body", target.call(name, token=token, content=_REFUSED, **refused, **more)
        if name == "download":
            for kind, condition in _conditions(target, person):
                yield kind, target.call(name, token=person.token, headers={**more["headers"], **condition}, **asked)
    yield "another method", target.call("user", method="PUT", token=person.token, **more)
    yield (
        "a wrong password",
        target.call("login", fields={"username": person.account.username, "password": new_password()}, **more),
    )
    fields = {"refresh_token": person.token}
    yield "a wrong token", target.call("logout", token=person.token, fields=fields, **more)
    yield "the wrong media type", target.call("upload", token=person.token, content=(b"a,b\n", "text/plain"), **more)


def _conditions(target: Target, person: Person) -> Iterator[tuple[str, dict[str, str]]]:
    whole = target.call("download", token=person.token, path={"file_id": person.file_id})
    if etag := whole.answer.headers.get("etag"):
        yield "the same again", {"if-none-match": etag}
    yield "a part", {"range": "bytes=0-3"}
    yield "a part that is not there", {"range": "bytes=999999-"}

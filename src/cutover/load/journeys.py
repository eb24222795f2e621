"""The journeys that an arrival begins: each is a generator of calls that is driven by their responses."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cutover.core.secrets import remember
from cutover.load.load_client import Judge, Person, Side
from cutover.load.profiles import STREAMS
from cutover.traffic.engine import Call, Journey, Steps
from cutover.traffic.ledger import Outcome

FIRST_OPERATION: Final = {
    "list": "list_files", "account": "user", "download": "download", "cut": "export", "login": "login",
    "register": "register", "health": "health", "new_list": "upload", "fresh": "user", "kept": "user",
    "write": "upload",
}  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """A journey of one kind on one side."""

    name: str
    here: Side
    side: str | None
    steps: Callable[[Side, str], Steps | None]

    @property
    def endpoint(self) -> str:
        """Of its first request."""
        operation = FIRST_OPERATION[self.name]
        return f"{self.name}:{operation}" if self.name in STREAMS else operation

    def begin(self) -> Steps | None:
        """The requests of one arrival."""
        return self.steps(self.here, self.name)


def journeys_of(names: Sequence[str], sides: Mapping[str, Side], *, compared: bool) -> list[Journey]:
    """The journeys by the numbers of a schedule. names: "JOURNEY SYSTEM"; compared: phases are then "old" and "new"."""
    made: list[Journey] = []
    for text in names:
        name, _, system = text.partition(" ")
        side = ("new" if system == "worker" else "old") if compared else None
        made.append(Kind(name, sides[system], side, _STEPS[name]))
    return made


def _looking(operation: str, body: Callable[[Side, Person], Callable[[bytes], bool]]) -> Callable[[Side, str], Steps]:
    """One request that only looks, with a person's token."""
    judges: dict[tuple[int, str], Judge] = {}

    def steps(here: Side, name: str) -> Steps:
        person = here.person()
        if person is None:
            return
        judge = judges.get((id(here), person.username))
        if judge is None:
            judge = judges[id(here), person.username] = here.judge(operation, body(here, person))
        path = {"file_id": person.listing}
        data = here.request(operation, person, path=path, keep_as=name)
        yield Call(operation, here.system, data, judge)

    return steps


def _cut(here: Side, name: str) -> Steps:
    person = here.person()
    if person is None:
        return
    wanted = here.materials.own[person.own][1]
    data = here.request(
        "export",
        person,
        path={"file_id": person.listing},
        fields={"columns": list(here.materials.columns), "filters": []},
        keep_as=name,
    )
    yield Call("export", here.system, data, here.judge("export", lambda body: body == wanted), method="POST")


def _login(here: Side, name: str) -> Steps:
    del name
    person = here.person()
    if person is None:
        return
    data = here.request("login", None, fields={"username": person.username, "password": person.password})
    yield Call("login", here.system, data, here.judge("login", lambda body: b"." in body), method="POST")


def _register(here: Side, name: str) -> Steps:
    del name
    new = here.new_name()
    if new is None:
        return
    fields = {key: new[key] for key in ("username", "email", "password")} | {"password_again": new["password"]}
    data = here.request("register", None, fields=fields)
    wanted = new["username"].encode()
    here.traffic.unanswered.add(new["username"])
    reply = yield Call(
        "register", here.system, data, here.judge("register", lambda body: wanted in body), method="POST"
    )
    if reply.response is not None:
        here.traffic.unanswered.discard(new["username"])
    here.traffic.registered += reply.outcome is Outcome.OK


def _health(here: Side, name: str) -> Steps:
    data = here.request("health", None, keep_as=name)
    yield Call("health", here.system, data, here.judge("health", lambda body: b"status" in body))


def _stream(here: Side, name: str) -> Steps:
    """A user's own data, over a connection of its own ("fresh") or over a kept one.

    Not health: its answer is 503 as soon as a part is slow, which drops no user's request.
    """
    fresh = name == "fresh"
    person = here.person()
    if person is None:
        return
    wanted = person.username.encode()
    data = here.request("user", person, fresh=fresh, keep_as=name)
    yield Call(f"{name}:user", here.system, data, here.judge("user", lambda body: wanted in body), fresh=fresh)


def _new_list(here: Side, name: str) -> Steps:
    """Upload a list, then delete it."""
    del name
    person = here.person()
    if person is None:
        return
    data = here.request("upload", person, file=here.next_upload())
    reply = yield Call("upload", here.system, data, here.judge("upload", lambda body: b"file" in body), method="POST")
    made = here.field("upload", reply.response, "file_id") if reply.outcome is Outcome.OK and reply.response else None
    if made is None:
        return
    data = here.request("delete", person, path={"file_id": made})
    yield Call("delete", here.system, data, here.judge("delete"), method="DELETE")


def _write(here: Side, name: str) -> Steps:
    """Upload a list under a name of its own, which must be there once when the run is over."""
    del name
    person = here.person()
    if person is None:
        return
    own = f"write-{here.traffic.run}-{next(here.traffic.numbers)}.csv"
    content = f"name,number\r\n{own},1\r\n".encode()
    data = here.request("upload", person, file=(own, content))
    reply = yield Call("upload", here.system, data, here.judge("upload"), method="POST")
    if reply.outcome is Outcome.OK and reply.response is not None:
        made = here.field("upload", reply.response, "file_id") or ""
        here.traffic.acknowledged.append([here.system, person.username, own, made])


def refresh_journey(here: Side, person: Person) -> Journey:
    """Get a new access token before the old one expires; it stands in the ledger like any other request."""

    def steps(_: Side, __: str) -> Steps:
        data = here.request("refresh", None, fields={"refresh_token": person.refresh})
        reply = yield Call(
            "refresh", here.system, data, here.judge("refresh", lambda body: b"." in body), method="POST"
        )
        token = here.field("refresh", reply.response, "access_token") if reply.response else None
        if reply.outcome is Outcome.OK and token is not None:
            remember(token)
            person.access, person.got_at = token, time.monotonic()
            person.requests.clear()

    return _Upkeep(here, steps)


@dataclass(frozen=True)
class _Upkeep:
    here: Side
    steps: Callable[[Side, str], Steps]
    endpoint: str = "refresh"
    side: str | None = None

    def begin(self) -> Steps:
        return self.steps(self.here, "refresh")


_STEPS: Final[Mapping[str, Callable[[Side, str], Steps | None]]] = {
    "list": _looking("list_files", lambda _, person: lambda body: person.listing.encode() in body),
    "account": _looking("user", lambda _, person: lambda body: person.username.encode() in body),
    "download": _looking("download", lambda here, person: lambda body: body == here.materials.own[person.own][0]),
    "cut": _cut,
    "login": _login,
    "register": _register,
    "health": _health,
    "fresh": _stream,
    "kept": _stream,
    "new_list": _new_list,
    "write": _write,
}

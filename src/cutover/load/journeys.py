"""The journeys of arrivals. Each is a generator of calls that their responses drive."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cutover.core.secrets import remember
from cutover.load.load_client import LoadAccount, LoadClient, ResponseCheck
from cutover.load.profiles import OWN_ENDPOINTS
from cutover.traffic.engine import Call, Journey, Steps
from cutover.traffic.ledger import Outcome

FIRST_OPERATION: Final = {
    "list": "list_files", "account": "user", "download": "download", "cut": "export", "login": "login",
    "register": "register", "health": "health", "new_list": "upload", "large": "upload", "fresh": "user",
    "kept": "user", "write": "upload",
}  # fmt: skip


def endpoints_of(names: Iterable[str]) -> tuple[str, ...]:
    """Return all endpoints that these journeys send requests to."""
    journeys = list(names)
    found = [_endpoint(name, FIRST_OPERATION[name]) for name in journeys]
    found += ["large:download"] if "large" in journeys else []
    found += ["delete"] if {"new_list", "large"} & set(journeys) else []
    return tuple(dict.fromkeys(found))


def _endpoint(journey: str, operation: str) -> str:
    """Return the ledger's name for the requests of a journey to an operation."""
    own = f"{journey}:{operation}"
    return own if own in OWN_ENDPOINTS else operation


@dataclass(frozen=True)
class JourneyKind:
    """A journey of one kind on one system."""

    name: str
    client: LoadClient
    side: str | None
    steps: Callable[[LoadClient, str], Steps | None]

    @property
    def endpoint(self) -> str:
        """Return the endpoint of the first request."""
        return _endpoint(self.name, FIRST_OPERATION[self.name])

    def begin(self) -> Steps | None:
        """Return the requests of one arrival."""
        return self.steps(self.client, self.name)


def journeys_of(names: Sequence[str], clients: Mapping[str, LoadClient], *, compared: bool) -> list[Journey]:
    """Return the journeys by the numbers of a schedule.

    names: "JOURNEY SYSTEM"; compared: the phases of the ledger are then "old" and "new".
    """
    made: list[Journey] = []
    for text in names:
        name, _, system = text.partition(" ")
        side = ("new" if system == "worker" else "old") if compared else None
        made.append(JourneyKind(name, clients[system], side, _STEPS[name]))
    return made


def _read(
    operation: str, body: Callable[[LoadClient, LoadAccount], Callable[[bytes], bool]]
) -> Callable[[LoadClient, str], Steps]:
    """Return a journey of one read request with an account's token."""
    checks: dict[tuple[int, str], ResponseCheck] = {}

    def steps(client: LoadClient, name: str) -> Steps:
        account = client.next_account()
        if account is None:
            return
        check = checks.get((id(client), account.username))
        if check is None:
            check = checks[id(client), account.username] = client.check_of(operation, body(client, account))
        path = {"file_id": account.listing}
        data = client.request(operation, account, path=path, keep_as=name)
        yield Call(operation, client.system, data, check)

    return steps


def _cut(client: LoadClient, name: str) -> Steps:
    account = client.next_account()
    if account is None:
        return
    expected = client.lists.own[account.own][1]
    data = client.request(
        "export",
        account,
        path={"file_id": account.listing},
        fields={"columns": list(client.lists.columns), "filters": []},
        keep_as=name,
    )
    yield Call("export", client.system, data, client.check_of("export", lambda body: body == expected), method="POST")


def _login(client: LoadClient, name: str) -> Steps:
    del name
    account = client.next_account()
    if account is None:
        return
    data = client.request("login", None, fields={"username": account.username, "password": account.password})
    yield Call(
        "login", client.system, data, client.check_of("login", client.has_field("login", "access_token")), method="POST"
    )


def _register(client: LoadClient, name: str) -> Steps:
    del name
    new = client.next_reserved()
    if new is None:
        return
    fields = {key: new[key] for key in ("username", "email", "password")} | {"password_again": new["password"]}
    data = client.request("register", None, fields=fields)
    expected = new["username"].encode()
    body = (lambda body: expected in body) if client.operation("register").has("username") else None
    client.state.unanswered.add(new["username"])
    reply = yield Call("register", client.system, data, client.check_of("register", body), method="POST")
    if reply.response is not None:
        client.state.unanswered.discard(new["username"])
    client.state.registered += reply.outcome is Outcome.OK


def _health(client: LoadClient, name: str) -> Steps:
    data = client.request("health", None, keep_as=name)
    yield Call("health", client.system, data, client.check_of("health", client.has_field("health", "status")))


def _stream(client: LoadClient, name: str) -> Steps:
    """Request a user's own data, over a new connection ("fresh") or a kept one.

    The health endpoint is not used: it answers 503 if any part is slow, although no user's request is dropped.
    """
    fresh = name == "fresh"
    account = client.next_account()
    if account is None:
        return
    expected = account.username.encode()
    data = client.request("user", account, fresh=fresh, keep_as=name)
    yield Call(f"{name}:user", client.system, data, client.check_of("user", lambda body: expected in body), fresh=fresh)


def _new_list(client: LoadClient, name: str) -> Steps:
    """Upload a list, then delete it."""
    del name
    account = client.next_account()
    if account is None:
        return
    data = client.request("upload", account, file=client.next_upload())
    reply = yield Call(
        "upload", client.system, data, client.check_of("upload", client.has_field("upload", "file_id")), method="POST"
    )
    file_id = (
        client.field("upload", reply.response, "file_id") if reply.outcome is Outcome.OK and reply.response else None
    )
    if file_id is None:
        return
    data = client.request("delete", account, path={"file_id": file_id})
    yield Call("delete", client.system, data, client.check_of("delete"), method="DELETE")


def _large(client: LoadClient, name: str) -> Steps:
    """Upload a list of more than 1 MB, download it, then delete it: limits of bodies are often near that size."""
    del name
    account = client.next_account()
    if account is None:
        return
    filename, content = client.lists.large
    data = client.request("upload", account, file=(filename, content))
    check = client.check_of("upload", lambda body: b"file" in body)
    reply = yield Call("large:upload", client.system, data, check, method="POST")
    file_id = (
        client.field("upload", reply.response, "file_id") if reply.outcome is Outcome.OK and reply.response else None
    )
    if file_id is None:
        return
    data = client.request("download", account, path={"file_id": file_id})
    yield Call("large:download", client.system, data, client.check_of("download", lambda body: body == content))
    data = client.request("delete", account, path={"file_id": file_id})
    yield Call("delete", client.system, data, client.check_of("delete"), method="DELETE")


def _write(client: LoadClient, name: str) -> Steps:
    """Upload a list with a unique name. It must exist exactly once after the run."""
    del name
    account = client.next_account()
    if account is None:
        return
    filename = f"write-{client.state.run}-{next(client.state.numbers)}.csv"
    content = f"name,number\r\n{filename},1\r\n".encode()
    data = client.request("upload", account, file=(filename, content))
    reply = yield Call("upload", client.system, data, client.check_of("upload"), method="POST")
    if reply.outcome is Outcome.OK and reply.response is not None:
        file_id = client.field("upload", reply.response, "file_id") or ""
        client.state.acknowledged.append([client.system, account.username, filename, file_id])


def refresh_journey(client: LoadClient, account: LoadAccount) -> Journey:
    """Return a journey that gets a new access token before the old one expires. The ledger contains its request too.

    A system without refresh tokens gives it by a login.
    """
    name = "refresh" if account.refresh and client.operation("refresh").absent is None else "login"

    def steps(_: LoadClient, __: str) -> Steps:
        fields = {"refresh_token": account.refresh}
        if name == "login":
            fields = {"username": account.username, "password": account.password}
        data = client.request(name, None, fields=fields)
        reply = yield Call(
            name, client.system, data, client.check_of(name, client.has_field(name, "access_token")), method="POST"
        )
        if reply.outcome is not Outcome.OK or reply.response is None:
            return
        token, refresh = (client.field(name, reply.response, f"{kind}_token") for kind in ("access", "refresh"))
        if token is not None:
            account.access, account.got_at = token, time.monotonic()
            account.refresh = refresh or account.refresh
            for each in (token, account.refresh):
                remember(each)
            account.requests.clear()

    return _Upkeep(client, steps, name)


@dataclass(frozen=True)
class _Upkeep:
    client: LoadClient
    steps: Callable[[LoadClient, str], Steps]
    endpoint: str = "refresh"
    side: str | None = None

    def begin(self) -> Steps:
        return self.steps(self.client, self.endpoint)


_STEPS: Final[Mapping[str, Callable[[LoadClient, str], Steps | None]]] = {
    "list": _read("list_files", lambda _, account: lambda body: account.listing.encode() in body),
    "account": _read("user", lambda _, account: lambda body: account.username.encode() in body),
    "download": _read("download", lambda client, account: lambda body: body == client.lists.own[account.own][0]),
    "cut": _cut,
    "login": _login,
    "register": _register,
    "health": _health,
    "fresh": _stream,
    "kept": _stream,
    "new_list": _new_list,
    "large": _large,
    "write": _write,
}

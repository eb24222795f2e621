"""Sessions of several users, sent over HTTP and recorded in the formats of servers and browsers."""

import itertools
import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from cutover.embedded.state import PairState

PASSWORD = "a long enough password of this session"
PATHS = {
    "legacy": {
        "register": "/api/accounts/register/",
        "upload": "/api/list_cutter/upload/",
        "user": "/api/accounts/user/",
        "list": "/api/list_cutter/list_saved_files/",
        "download": "/api/list_cutter/download/{}/",
        "columns": "/api/list_cutter/columns/{}/",
        "delete_account": "/api/accounts/user/",
    },
    "worker": {
        "register": "/api/accounts/register",
        "upload": "/api/files/upload",
        "user": "/api/accounts/user",
        "list": "/api/files",
        "download": "/api/files/{}/download",
        "columns": "/api/files/{}/columns",
        "delete_account": "/api/accounts/user",
    },
}


@dataclass
class User:
    """One user, the same on both systems. ids: system -> ids of the files, in the order of the list (newest first)."""

    name: str
    tokens: dict[str, str] = field(default_factory=dict)
    ids: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Exchange:
    """One request and its response, with everything that a browser records."""

    user: User | None
    request: httpx.Request
    response: httpx.Response


class Session:
    """Users with files on both systems of a pair, and their requests to one of the two."""

    def __init__(self, pair: PairState, *, users: int, files: int) -> None:
        self._urls = {"legacy": pair.legacy_url, "worker": pair.worker_url}
        self._client = httpx.Client(timeout=30)
        self._addresses = itertools.count(secrets.randbelow(1 << 15) << 6)
        self.users = [User(f"session-{secrets.token_hex(4)}") for _ in range(users)]
        for number, user in enumerate(self.users):
            for system, paths in PATHS.items():
                fields = {"username": user.name, "email": f"{user.name}@session.invalid", "password": PASSWORD,
                          "password2": PASSWORD}  # fmt: skip
                answer = self._send(system, "POST", paths["register"], json=fields).json()
                user.tokens[system] = answer.get("access_token") or answer["access"]
                for index in range(files):
                    content = f"name,n\r\nO'Brien {number},{index}\r\nÉva,{index * 7}\r\n".encode()
                    self._send(system, "POST", paths["upload"], user, files={"file": (f"it's {index}.csv", content)})
                listed = self._send(system, "GET", paths["list"], user).json()["files"]
                user.ids[system] = [row["file_id"] for row in listed]

    def record(self, system: str, count: int) -> list[Exchange]:
        """Send that many requests to one system: repeated requests of users, and some without a user."""
        return [
            self._exchange(system, method, path, user)
            for method, path, user in itertools.islice(self._requests(system), count)
        ]

    def close(self) -> None:
        """Remove the users."""
        for user in self.users:
            for system, paths in PATHS.items():
                self._send(system, "DELETE", paths["delete_account"], user, json={"password": PASSWORD})
        self._client.close()

    def _requests(self, system: str) -> Iterator[tuple[str, str, User | None]]:
        paths = PATHS[system]
        for turn in itertools.count():
            for user in self.users:
                yield "GET", paths["user"], user
                yield "GET", paths["list"], user
                for one in user.ids[system]:
                    yield ("HEAD" if turn % 5 == 4 else "GET"), paths["download"].format(one), user
                    yield "GET", paths["columns"].format(one), user
            if turn:  # after the first turn each owner has requested its file
                yield "GET", paths["download"].format(self.users[0].ids[system][0]), self.users[1]
            yield "GET", "/health", None
            yield "POST", paths["register"], None

    def _exchange(self, system: str, method: str, path: str, user: User | None) -> Exchange:
        body = {"json": {"username": "x"}} if method == "POST" else {}
        response = self._send(system, method, path, user, **body)
        return Exchange(user, response.request, response)

    def _send(self, system: str, method: str, path: str, user: User | None = None, **body: Any) -> httpx.Response:
        number = next(self._addresses) // 40  # the Worker's rate limiter allows 100 requests per client address
        headers = {"cf-connecting-ip": f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"}
        if user is not None:
            headers["authorization"] = f"Bearer {user.tokens[system]}"
        return self._client.request(method, self._urls[system] + path, headers=headers, **body)


def combined(exchanges: Sequence[Exchange]) -> bytes:
    """Return an access log in the combined format."""
    lines = []
    for number, (user, request, response) in enumerate((e.user, e.request, e.response) for e in exchanges):
        who = user.name if user else "-"
        client = "2001:db8::7" if number % 2 else "10.1.2.3"
        lines.append(
            f"{client} - {who} [22/Nov/2026:18:{number // 60 % 60:02}:{number % 60:02} +0000] "
            f'"{request.method} {request.url.raw_path.decode()} HTTP/1.1" {response.status_code} '
            f'{len(response.content)} "-" "a \\"browser\\""'
        )
    return "".join(f"{line}\n" for line in lines).encode()


def json_lines(exchanges: Sequence[Exchange], key: str) -> bytes:
    """Return an access log as JSON lines, with the user's name under that key."""
    rows = [
        {key: e.user.name if e.user else None, "method": e.request.method, "path": e.request.url.raw_path.decode(),
         "status": e.response.status_code}
        for e in exchanges
    ]  # fmt: skip
    return "".join(f"{json.dumps(row)}\n" for row in rows).encode()


def har(exchanges: Sequence[Exchange], header: str) -> bytes:
    """Return a HAR file with authorization, cookies and bodies. That header contains the user's name."""
    entries = []
    for e in exchanges:
        headers: Mapping[str, str] = {**e.request.headers, "Cookie": "session=the-cookies-secret"}
        named = [{"name": header, "value": e.user.name}] if e.user else []
        entries.append(
            {
                "startedDateTime": "2026-11-22T18:00:00.000Z",
                "request": {
                    "method": e.request.method,
                    "url": str(e.request.url),
                    "headers": [*({"name": name, "value": value} for name, value in headers.items()), *named],
                    "cookies": [{"name": "session", "value": "the-cookies-secret"}],
                    "postData": {"text": e.request.content.decode() if e.request.method == "POST" else ""},
                },
                "response": {
                    "status": e.response.status_code,
                    "content": {"text": e.response.text, "mimeType": e.response.headers.get("content-type", "")},
                },
            }
        )
    return json.dumps({"log": {"version": "1.2", "creator": {}, "entries": entries}}, ensure_ascii=False).encode()

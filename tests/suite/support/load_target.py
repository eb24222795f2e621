"""A system in memory that responds like the Worker, counts requests, and has faults on demand.

Run it as a process: it prints its port, and ends with its stdin; with the argument "legacy" it identifies itself as
Django. `/control` is not counted: GET returns the counts, POST sets the faults. It uses only the standard library, so
that its counts do not depend on the suite.
"""

import asyncio
import csv
import io
import json
import random
import re
import sys
import time
import uuid
from collections import deque
from email.parser import BytesParser
from typing import Any

VERSION = "version-1"
LEGACY = "legacy" in sys.argv[1:]


class Target:
    """The stored data, the counts and the faults."""

    def __init__(self) -> None:
        self.users: dict[str, dict[str, Any]] = {}
        self.tokens: dict[str, str] = {}
        self.files: dict[str, dict[str, Any]] = {}
        self.counts: dict[str, int] = {}
        self.addresses: set[str] = set()
        self.faults: dict[str, Any] = {}
        self.since = time.monotonic()
        self.random = random.Random(1)  # noqa: S311 - the same responses are faulty each time
        self.acknowledged = 0
        self.recent: deque[float] = deque()

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[str, int, bytes]:
        """Return operation, status and body."""
        user = self.tokens.get(headers.get("authorization", "").removeprefix("Bearer "))
        if path == "/health":
            return "health", 200, _json({"status": "healthy", "version": {"id": VERSION}})
        if path == "/api/accounts/register":
            data = json.loads(body)
            if data["username"] in self.users:
                return "register", 400, _json({"error": {"code": "taken"}})
            self.users[data["username"]] = {"password": data["password"]}
            return "register", 201, self.session(data["username"])
        if path == "/api/accounts/login":
            data = json.loads(body)
            known = self.users.get(data["username"])
            if known is None or known["password"] != data["password"]:
                return "login", 401, b"{}"
            return "login", 200, self.session(data["username"])
        if user is None:
            return "refused", 401, b"{}"
        if path == "/api/accounts/user":
            if method == "DELETE":
                del self.users[user]
                self.files = {key: file for key, file in self.files.items() if file["user"] != user}
                return "delete_account", 204, b""
            return "user", 200, _json({"username": user})
        if path == "/api/files/upload":
            return self.upload(user, headers, body)
        if path == "/api/files":
            mine = [file["shown"] for file in self.files.values() if file["user"] == user]
            return "list_files", 200, _json({"files": mine, "total": len(mine)})
        found = re.fullmatch(r"/api/files/([^/]+)(/download|/export)?", path)
        file = self.files.get(found[1]) if found else None
        if found is None or file is None:
            return "missing", 404, b"{}"
        if found[2] == "/download":
            return "download", 200, file["content"]
        if found[2] == "/export":
            return "export", 200, _cut(file["content"], json.loads(body)["columns"])
        del self.files[found[1]]
        return "delete", 204, b""

    def session(self, username: str) -> bytes:
        """Return new tokens for that user."""
        access = f"access.{uuid.uuid4().hex}"
        self.tokens[access] = username
        user = {"id": 1, "username": username}
        refresh = f"refresh.{uuid.uuid4().hex}"
        return _json(
            {"user": user, "access_token": access, "refresh_token": refresh, "access": access, "refresh": refresh}
        )

    def upload(self, user: str, headers: dict[str, str], body: bytes) -> tuple[str, int, bytes]:
        """Store a file; with lose_write_every, acknowledge every nth write of a run without storing it."""
        head = f"content-type: {headers['content-type']}\r\n\r\n".encode()
        (part,) = BytesParser().parsebytes(head + body).get_payload()
        name, content = part.get_filename() or "", part.get_payload(decode=True)
        made = str(uuid.uuid4())
        shown = {"file_id": made, "filename": name, "file_size": len(content), "tags": []}
        copies = 1
        if name.startswith("write-"):
            self.acknowledged += 1
            copies = 0 if self.is_due("lose_write_every", self.acknowledged) else 1
            copies += self.is_due("double_write_every", self.acknowledged)
        for number in range(copies):
            key = made if number == 0 else str(uuid.uuid4())
            self.files[key] = {"user": user, "content": content, "shown": {**shown, "file_id": key}}
        return "upload", 201, _json({"success": True, "file": shown})

    def is_due(self, name: str, number: int) -> bool:
        """Return True if the fault applies to this number."""
        every = self.faults.get(name)
        return bool(every) and number % int(every) == 0

    def within(self, name: str) -> float:
        """Return the seconds until the end of a fault's window [from, to], counted from when it was set; 0 outside."""
        window = self.faults.get(name)
        at = time.monotonic() - self.since
        return window[1] - at if window and window[0] <= at < window[1] else 0.0

    def delay_s(self) -> float:
        """Return the delay of this response: constant, growing, or above a number of requests in the last second."""
        now, faults = time.monotonic(), self.faults
        self.recent.append(now)
        while self.recent[0] < now - 1:
            self.recent.popleft()
        delay: float = faults.get("delay_s", 0) + faults.get("grow_s", 0) * (now - self.since)
        above, held = faults.get("slow_above", (1e9, 0))
        return delay + (held if len(self.recent) > above else 0)

    def chance(self, name: str) -> bool:
        """Return True with the probability that was set."""
        return self.random.random() < float(self.faults.get(name, 0))


class Connection(asyncio.Protocol):
    """One connection."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.buffer = b""
        self.busy: asyncio.Task[None] | None = None
        self.served = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        """Cancel pending responses."""
        del error
        if self.busy is not None:
            self.busy.cancel()

    def data_received(self, data: bytes) -> None:
        """Respond to each complete request."""
        self.buffer += data
        if self.busy is None or self.busy.done():
            self.busy = asyncio.get_running_loop().create_task(self.work())

    async def work(self) -> None:
        """Process requests one by one."""
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            lines = self.buffer[:end].decode("latin-1").split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
            length = int(headers.get("content-length", "0"))
            if len(self.buffer) < end + 4 + length:
                return
            body, self.buffer = self.buffer[end + 4 : end + 4 + length], self.buffer[end + 4 + length :]
            method, path, _ = lines[0].split(" ")
            await self.one(method, path, headers, body)

    async def one(self, method: str, path: str, headers: dict[str, str], body: bytes) -> None:
        """Process one request, with the faults."""
        target = self.target
        if path == "/control":
            if method == "POST":
                target.faults, target.since = json.loads(body), time.monotonic()
            self.write(200, _json({"counts": target.counts, "files": len(target.files), "users": len(target.users)}))
            return
        operation, status, answer = target.answer(method, _as_worker(path), headers, body)
        if operation == "register" and target.faults.get("without_tokens") and status == 201:
            answer = _json({"user": json.loads(answer)["user"]})
        if (always := target.faults.get("statuses", {}).get(operation)) is not None:
            status, answer = always, b"{}"
        if operation in target.faults.get("never", ()):
            return
        measured = re.fullmatch(r"[0-9a-f]{8}-\d+-\d+", headers.get("x-request-id", "")) is not None
        if not measured:  # the suite's own preparation has no faults
            self.write(status, answer)
            return
        target.counts[operation] = target.counts.get(operation, 0) + 1
        faults, self.served = target.faults, self.served + 1
        if faults.get("only", operation) != operation:
            self.write(status, answer)
            return
        if (stall := target.within("stall")) > 0:
            await asyncio.sleep(stall)
        if (delay := target.delay_s()) > 0:
            await asyncio.sleep(delay)
        if target.chance("slow_share"):
            await asyncio.sleep(faults["slow_s"])
        if target.within("drop") > 0 or target.chance("drop_share"):
            self.transport.abort()
            return
        if self.served > 1 and target.chance("kept_closed_share"):
            self.transport.close()
            return
        if target.chance("silent_share"):
            return
        if target.chance("error_share"):
            status, answer = 500, b"{}"
        if target.chance("limited_share"):
            status, answer = 429, b"{}"
        if answer and target.chance("spoil_share"):
            answer = answer[:-1] + bytes([answer[-1] ^ 1])
        version = "version-2" if target.chance("other_version_share") else VERSION
        cut = target.chance("cut_share")
        self.write(status, answer, version, cut=cut)
        if cut:
            self.transport.close()

    def write(self, status: int, body: bytes, version: str = VERSION, *, cut: bool = False) -> None:
        """Send a response; cut: without its second half."""
        length = f"content-length: {len(body)}\r\n" if status != 204 else ""
        retry = "retry-after: 1\r\n" if status == 429 else ""
        served_by = self.target.faults.get("served_by", "django" if LEGACY else "worker")
        head = (
            f"HTTP/1.1 {status} X\r\nx-served-by: list-cutter-{served_by}\r\n"
            f"x-worker-version: {version}\r\n"
            f"content-type: application/json\r\n{retry}{length}\r\n"
        )
        self.transport.write(head.encode() + (body[: len(body) // 2] if cut else body))


def _as_worker(path: str) -> str:
    """Return Django's path as the Worker's."""
    found = re.fullmatch(r"/api/list_cutter/(?:(upload|list_saved_files)|(download|delete|export_csv)/([^/]+))/", path)
    if found is None:
        return path.rstrip("/")
    ends = {"upload": "/upload", "list_saved_files": "", "download": "/download", "delete": "", "export_csv": "/export"}
    return "/api/files" + (f"/{found[3]}" if found[3] else "") + ends[found[1] or found[2]]


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


def _cut(content: bytes, columns: list[str]) -> bytes:
    rows = list(csv.reader(io.StringIO(content.decode())))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    places = [rows[0].index(name) for name in columns]
    writer.writerows([row[place] for place in places] for row in rows)
    return out.getvalue().encode()


async def main() -> None:
    """Serve until stdin ends."""
    target = Target()
    loop = asyncio.get_running_loop()
    port = next((int(argument) for argument in sys.argv[1:] if argument.isdigit()), 0)
    server = await loop.create_server(lambda: Connection(target), "127.0.0.1", port)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201 - the process that started this reads it
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(main())

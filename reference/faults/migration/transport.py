"""A loopback proxy in front of D1's REST interface that returns one false response.

`with lying(pair, "page-lost") as lie:` gives `lie.url`, to use instead of D1's own, and `lie.told`:
the number of false responses. A run in which it is 0 proves nothing. The control passes everything
on.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
from reference.faults.migration.planting import Pair

PLENTY = 2_000
"""Minimum bytes of a response with rows, in contrast to one with a count or a schema."""


@dataclass
class Exchange:
    """A response of D1. status and body may be changed."""

    sql: str
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def results(self) -> dict[str, Any]:
        return json.loads(self.body)["result"][-1]["results"]  # type: ignore[no-any-return]

    def put_rows(self, rows: list[list[Any]]) -> None:
        answer = json.loads(self.body)
        answer["result"][-1]["results"]["rows"] = rows
        self.body = json.dumps(answer, ensure_ascii=False).encode()

    @property
    def is_rows(self) -> bool:
        """Return True if it is a page of rows of a mapped table."""
        words = self.sql.lower().replace('"', "")
        return self.status == 200 and len(self.body) >= PLENTY and (" users" in words or " files" in words)


@dataclass
class Lie:
    """A proxy. url: replaces D1's. told: the number of false responses."""

    url: str = ""
    told: int = 0
    pages: list[Exchange] = field(default_factory=list)
    asked: int = 0


Teller = Callable[[Pair, Lie, Exchange], bool]
"""Changes the exchange and returns True if it did."""
LIES: dict[str, Teller] = {}
BEFORE: dict[str, tuple[int, int, dict[str, str]]] = {
    # Every third query gets this status first, without reaching D1.
    "too-many-requests-at-times": (3, 429, {"retry-after": "0"}),
    "bad-gateway-at-times": (3, 502, {}),
    "overloaded-at-times": (4, 503, {}),
    "too-many-requests-always": (1, 429, {"retry-after": "1"}),
    "bad-gateway-always": (1, 502, {}),
}


def _lie(name: str) -> Callable[[Teller], Teller]:
    def register(teller: Teller) -> Teller:
        LIES[name] = teller
        return teller

    return register


def _second_page(lie: Lie, exchange: Exchange) -> bool:
    """Return True for the second page of rows; the page before it is kept, so that it can be sent again."""
    if not exchange.is_rows:
        return False
    lie.pages.append(Exchange(exchange.sql, exchange.status, dict(exchange.headers), exchange.body))
    return len(lie.pages) == 2


@_lie("page-lost")
def page_lost(pair: Pair, lie: Lie, exchange: Exchange) -> bool:  # noqa: ARG001 - a Teller
    """Return the second page without rows, as if there were none."""
    if not _second_page(lie, exchange):
        return False
    (rows,) = (exchange.results["rows"],)
    # Rows in one JSON array are one row of the response, which is then empty.
    exchange.put_rows([["[]"]] if len(rows) == 1 and str(rows[0][-1]).startswith("[") else [])
    return True


@_lie("page-cut")
def page_cut(pair: Pair, lie: Lie, exchange: Exchange) -> bool:  # noqa: ARG001 - a Teller
    """Return the second page without its last row."""
    if not _second_page(lie, exchange):
        return False
    rows = exchange.results["rows"]
    if len(rows) > 1:
        exchange.put_rows(rows[:-1])
        return True
    inner = json.loads(rows[0][-1])
    exchange.put_rows([[*rows[0][:-1], json.dumps(inner[:-1], ensure_ascii=False)]])
    return True


@_lie("page-answered-twice")
def page_answered_twice(pair: Pair, lie: Lie, exchange: Exchange) -> bool:  # noqa: ARG001 - a Teller
    """Return the first page again instead of the second."""
    if not _second_page(lie, exchange):
        return False
    exchange.body = lie.pages[0].body
    return True


@_lie("row-doubled-in-page")
def row_doubled_in_page(pair: Pair, lie: Lie, exchange: Exchange) -> bool:  # noqa: ARG001 - a Teller
    """Return one row of the second page twice."""
    if not _second_page(lie, exchange):
        return False
    rows = exchange.results["rows"]
    if len(rows) > 1:
        exchange.put_rows([rows[0], *rows])
        return True
    inner = json.loads(rows[0][-1])
    exchange.put_rows([[*rows[0][:-1], json.dumps([inner[0], *inner], ensure_ascii=False)]])
    return True


@_lie("answer-cut-off")
def answer_cut_off(pair: Pair, lie: Lie, exchange: Exchange) -> bool:  # noqa: ARG001 - a Teller
    """Return half of every page's bytes, with the length of the half."""
    if not exchange.is_rows:
        return False
    exchange.body = exchange.body[: len(exchange.body) // 2]
    return True


@_lie("target-row-written-during-the-run")
def target_row_written(pair: Pair, lie: Lie, exchange: Exchange) -> bool:
    """Log in a user at the Worker whose row was already read, while the second page is in transit."""
    if not _second_page(lie, exchange):
        return False
    pair.d1("UPDATE users SET last_login = '2026-11-22T12:00:00.000Z' WHERE id = (SELECT min(id) FROM users)")
    return True


@_lie("source-row-written-during-the-run")
def source_row_written(pair: Pair, lie: Lie, exchange: Exchange) -> bool:
    """Do the same at Django."""
    if not _second_page(lie, exchange):
        return False
    pair.postgres.execute(
        "UPDATE auth_user SET last_login = '2026-11-22T12:00:00Z' WHERE id = (SELECT min(id) FROM auth_user)"
    )
    return True


@contextmanager
def lying(pair: Pair, name: str, *, control: bool = False) -> Iterator[Lie]:
    """Run the proxy while the block runs; then rows that it wrote are restored."""
    if name not in LIES and name not in BEFORE:
        raise KeyError(name)
    lie = Lie()
    client = httpx.Client(trust_env=False, timeout=60)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(pair, lie, name, client, control=control))
    server.daemon_threads = False  # so that server_close waits for the last response
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    key = int(pair.one("SELECT CAST(min(id) AS TEXT) FROM users"))
    target = pair.literals("users", key)["last_login"]
    source = pair.postgres.execute("SELECT id, last_login FROM auth_user ORDER BY id LIMIT 1").fetchone()
    thread.start()
    lie.url = f"http://127.0.0.1:{server.server_port}/d1/database/proxied"
    try:
        yield lie
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)
        client.close()
        if name == "target-row-written-during-the-run":
            pair.d1(f"UPDATE users SET last_login = {target} WHERE id = {key}")
        if name == "source-row-written-during-the-run" and source is not None:
            pair.postgres.execute("UPDATE auth_user SET last_login = %s WHERE id = %s", (source[1], source[0]))


def _handler(pair: Pair, lie: Lie, name: str, client: httpx.Client, *, control: bool) -> type[BaseHTTPRequestHandler]:
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.0"  # one connection per response: none is left open when the proxy ends

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            with lock:
                lie.asked += 1
                refusal = None if control else BEFORE.get(name)
                if refusal is not None and lie.asked % refusal[0] == 0:
                    lie.told += 1
                    self._answer(Exchange("", refusal[1], refusal[2], b"<html>not now</html>"))
                    return
                exchange = self._ask(body)
                if not control and name in LIES and LIES[name](pair, lie, exchange):
                    lie.told += 1
            self._answer(exchange)

        def _ask(self, body: bytes) -> Exchange:
            path = self.path.removeprefix("/d1/database/proxied")
            headers = {"content-type": "application/json"}
            if "authorization" in self.headers:
                headers["authorization"] = self.headers["authorization"]
            answer = client.post(pair.d1_url + path, content=body, headers=headers)
            return Exchange(json.loads(body).get("sql", ""), answer.status_code, {}, answer.content)

        def _answer(self, exchange: Exchange) -> None:
            self.send_response(exchange.status)
            for header, value in exchange.headers.items():
                self.send_header(header, value)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(exchange.body)))
            self.end_headers()
            self.wfile.write(exchange.body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the base class
            pass

    return Handler

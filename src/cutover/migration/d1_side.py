"""D1 through Cloudflare's REST API as a side of a migration: responses below a megabyte, transient errors retried.

https://developers.cloudflare.com/api/resources/d1/subresources/database/methods/raw/ and
https://developers.cloudflare.com/d1/platform/limits/ (100 KB of SQL, 2 MB a value, 30 s a query)
"""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from cutover.client.http import Answer, Client, Request
from cutover.config.environments import Database
from cutover.core.errors import CheckFailed, NotVerified, Unreachable
from cutover.migration.database_side import Cell, Dialect, Unrenderable

BATCH_BYTES: Final = 700_000
QUERY_TIMEOUT_S: Final = 60.0
"""Twice D1's limit of 30 s per query. A query that takes longer is lost."""
TRIES: Final = 6
FIRST_WAIT_S: Final = 0.5
"""Pause before the second try of a query that D1 could not answer. It doubles each time."""

_NO_JSON: Final = ("JSON cannot hold BLOB", "malformed JSON")
_TOO_BIG: Final = ("too big", "TOOBIG", "exceeded", "timeout", "timed out", "memory limit")
_SQL_ERROR: Final = ("SQLITE_ERROR", "no such", "syntax error", "not authorized")


class D1RestSide:
    """One database. Responses share no snapshot, so they are only valid if nothing was written meanwhile."""

    label = "D1"
    dialect = Dialect.SQLITE

    def __init__(self, database: Database, client: Client, *, wait: Callable[[float], None] = time.sleep) -> None:
        """client: used by one thread at a time. wait: called with the pause between tries, in s."""
        self._reader = D1RestReader(database, client, wait)
        self._bookmark = self._reader.bookmark()
        # The counter restarts with D1's connection, which workerd closes after some idle seconds.
        self.tells_writes = self._bookmark is not None
        self._step = self._own_step() if self._bookmark is None else None
        self._began = self._counter()

    def reader(self) -> D1RestReader:
        """Return the one reader. It serves one thread at a time."""
        return self._reader

    @property
    def repeated(self) -> int:
        """Return the number of queries that were retried."""
        return self._reader.repeated

    def mark(self, tables: Sequence[str]) -> str | None:
        """Return the bookmark of Time Travel at the beginning, None if there is none, as on workerd."""
        del tables
        return self._bookmark

    def written_since(self, mark: str, tables: Sequence[str]) -> str | None:
        """Return a sentence if the bookmark is another one, None otherwise."""
        del tables
        return None if self._reader.bookmark() == mark else "the bookmark has moved"

    def written_meanwhile(self, tables: Sequence[str]) -> str | None:
        """Compare the bookmark, or else the number of rows that the database's connection has changed.

        Raises NotVerified if D1 reports neither.
        """
        if self._bookmark is not None:
            return self.written_since(self._bookmark, tables)
        if self._began is None or self._step is None:
            raise NotVerified(
                "D1 reports neither a bookmark nor a counter of changes, so a write during the run cannot be detected"
            )
        (counted, own), now = self._began, self._counter()
        if now is None:
            raise NotVerified("D1 no longer reports its counter of changes")
        more = now[0] - counted - self._step * (now[1] - own)
        if more < 0:
            return "D1's counter of changes restarted with its connection"
        return None if more == 0 else f"D1's counter of changes grew by {more} more than by our own queries"

    def close(self) -> None:
        """Do nothing: the caller closes the client."""

    def _own_step(self) -> int | None:
        """Return by how much one query of ours increases the counter, None if that is unknown.

        On workerd each query increases it, also a reading one. A query of another client therefore counts as a write.
        """
        seen = [self._counter() for _ in range(3)]
        values = [each[0] for each in seen if each is not None]
        steps = {later - earlier for earlier, later in itertools.pairwise(values)}
        return steps.pop() if len(values) == len(seen) and len(steps) == 1 else None

    def _counter(self) -> tuple[int, int] | None:
        """Return the rows that the connection has changed and the number of our queries before, None if unknown."""
        own = self._reader.answered
        try:
            cell = self._reader.query("SELECT total_changes()")[0][0]
        except CheckFailed:  # not every D1 allows it
            return None
        return (cell, own) if isinstance(cell, int) else None


class D1RestReader:
    """Sends one query at a time, and again if D1 could not answer. Reading has no side effect."""

    dialect = Dialect.SQLITE
    batch_bytes = BATCH_BYTES

    def __init__(self, database: Database, client: Client, wait: Callable[[float], None]) -> None:
        self.where = database.url
        self._database, self._client, self._wait = database, client, wait
        self._alone = threading.Lock()
        self.repeated = self.answered = 0

    def query(self, sql: str) -> list[Sequence[Cell]]:
        """Return the rows, texts as bytes.

        Raises Unrenderable, CheckFailed for a refused query, Unreachable if the database does not answer, RateLimited.
        """
        request = Request(
            "d1", "query", "POST", f"{self._database.url}/raw", self._headers(), json={"sql": sql, "params": []},
            timeout_s=QUERY_TIMEOUT_S,
        )  # fmt: skip
        problem = ""
        with self._alone:
            for attempt in range(TRIES):
                if attempt:
                    self.repeated += 1
                    self._wait(FIRST_WAIT_S * 2 ** (attempt - 1))
                try:
                    answer = self._client.send(request)
                except CheckFailed as error:  # the connection broke, or no response came in time
                    problem = error.finding
                    continue
                body = _object(answer)
                if answer.status == 200 and body is not None and body.get("success") is not False:
                    self.answered += 1
                    return _rows(answer, body)
                problem = _problem(answer, body)
                self._raise_if_final(answer, problem)
        raise Unreachable(f"D1 at {self.where} did not answer a query {TRIES} times: {problem}")

    def bookmark(self) -> str | None:
        """Return the current bookmark of Time Travel, None if there is none.

        https://developers.cloudflare.com/api/resources/d1/subresources/database/subresources/time_travel/
        """
        url = f"{self._database.url}/time_travel/bookmark"
        with self._alone:
            answer = self._client.send(Request("d1", "bookmark", "GET", url, self._headers()))
        body = _object(answer) if answer.status == 200 else None
        result = body.get("result") if body else None
        found = result.get("bookmark") if isinstance(result, dict) else None
        return found if isinstance(found, str) and found else None

    def close(self) -> None:
        """Do nothing: the caller closes the client."""

    def _headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self._database.token.reveal()}"} if self._database.token else {}

    def _raise_if_final(self, answer: Answer, problem: str) -> None:
        """Raise the error of a response for which another try is useless."""
        if any(text in problem for text in _NO_JSON):
            raise Unrenderable(problem, too_big=False)
        if any(text in problem for text in _TOO_BIG) and answer.status != 504:
            raise Unrenderable(problem, too_big=True)
        if answer.status < 500 or any(text in problem for text in _SQL_ERROR):
            raise CheckFailed(
                "migration:d1:query", expected="an answer from D1", got=problem, source=answer.source,
                do_next="is the token in [secrets] valid for this database, and is [d1] its URL?",
            )  # fmt: skip


def _object(answer: Answer) -> dict[str, Any] | None:
    try:
        found = json.loads(answer.body)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _problem(answer: Answer, body: dict[str, Any] | None) -> str:
    errors = body.get("errors") if body else None
    if isinstance(errors, list) and errors and isinstance(errors[0], dict):
        return f"status {answer.status}: {str(errors[0].get('message'))[:300]}"
    return answer.excerpt


def _rows(answer: Answer, body: dict[str, Any]) -> list[Sequence[Cell]]:
    """Return the rows of a response. Raises CheckFailed if it has another shape, which is not the same as no rows."""
    try:
        rows = body["result"][0]["results"]["rows"]
        return [tuple(_cell(cell) for cell in row) for row in rows]
    except (KeyError, IndexError, TypeError):
        raise CheckFailed(
            "migration:d1:shape", expected="result[0].results.rows", got=answer.excerpt, source=answer.source,
            do_next="is [d1] the URL of a database in Cloudflare's REST shape?",
        ) from None  # fmt: skip


def _cell(value: Any) -> Cell:
    if isinstance(value, str):
        # JSON can contain half a surrogate pair, SQLite's TEXT cannot. It is kept as it is.
        return value.encode("utf-8", "surrogatepass")
    if value is None or isinstance(value, (int, float)):
        return value
    raise TypeError(f"expected a text, a number or null, got {type(value).__name__}")

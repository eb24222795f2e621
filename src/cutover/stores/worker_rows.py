"""Rows of the Worker's D1: through Cloudflare's REST API and the suite's HTTP client, or in a local SQLite file.

The list of allowed hosts, the request budget and the evidence apply to the REST API. A local runtime
(`wrangler dev`, workerd) keeps D1 in a SQLite file that other processes may open.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from cutover.client.http import Answer, Client, Request
from cutover.config.environments import Database, Environment
from cutover.core.errors import CheckFailed

_BUSY_S: Final = 5.0
"""How long a query waits in s while the Worker writes to the file."""


class RowStore:
    """A D1 database behind Cloudflare's REST API."""

    def __init__(self, database: Database, client: Client) -> None:
        self._database, self._client = database, client

    def rows(self, query: str, *parameters: str) -> list[dict[str, Any]]:
        """Return the rows of a reading query. parameters: texts, because D1's REST API accepts no others.

        Raises CheckFailed for any other response: a database that refuses proves nothing.
        https://developers.cloudflare.com/api/resources/d1/subresources/database/methods/raw/
        """
        answer = self._answer(query, *parameters)
        try:
            results = answer.json["result"][0]["results"]
            return [dict(zip(results["columns"], row, strict=True)) for row in results["rows"]]
        except (KeyError, IndexError, TypeError, ValueError):
            raise CheckFailed(
                "store:rows",
                expected="rows from D1",
                got=answer.excerpt,
                source=answer.source,
                do_next="is the token in [secrets] valid for this database, and is [d1] its URL?",
            ) from None

    def size_bytes(self) -> int | None:
        """Return the size of the database, None if D1's response does not state it (meta.size_after).

        Raises like `rows`.
        """
        self.rows("SELECT 1 AS one")  # raises for a response that is none of D1's
        try:
            size = self._answer("SELECT 1 AS one").json["result"][0]["meta"]["size_after"]
        except (KeyError, IndexError, TypeError):
            return None
        return size if isinstance(size, int) and not isinstance(size, bool) and size >= 0 else None

    def _answer(self, query: str, *parameters: str) -> Answer:
        headers = {"authorization": f"Bearer {self._database.token.reveal()}"} if self._database.token else {}
        body = {"sql": query, "params": list(parameters)}
        return self._client.send(Request("d1", "query", "POST", f"{self._database.url}/raw", headers, json=body))


class RowFile(RowStore):
    """A D1 database in the SQLite file of a local runtime."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def rows(self, query: str, *parameters: str) -> list[dict[str, Any]]:
        """Return the rows of a query. Only a query other than SELECT opens the file for writing.

        Raises CheckFailed if SQLite refuses the query.
        """
        mode = "ro" if query.lstrip().upper().startswith("SELECT") else "rw"
        try:
            with closing(sqlite3.connect(f"{self._file.as_uri()}?mode={mode}", uri=True, timeout=_BUSY_S)) as database:
                database.row_factory = sqlite3.Row
                with database:  # commits
                    return [dict(row) for row in database.execute(query, parameters)]
        except sqlite3.Error as error:
            raise CheckFailed(
                "store:rows",
                expected="rows from D1",
                got=str(error),
                source=str(self._file),
                do_next="is this the database of the Worker, with all its migrations?",
            ) from None

    def size_bytes(self) -> int | None:
        """Return the size of the file and of the writes that SQLite has not moved into it yet."""
        return sum(file.stat().st_size for file in (self._file, Path(f"{self._file}-wal")) if file.exists())


def row_store_of(environment: Environment, client: Client) -> RowStore | None:
    """Return the Worker's database, None if the environment names neither its REST API nor its file."""
    if environment.d1 is not None:
        return RowStore(environment.d1, client)
    return RowFile(environment.d1_file) if environment.d1_file is not None else None

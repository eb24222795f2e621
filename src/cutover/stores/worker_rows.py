"""Rows of the Worker's D1: through Cloudflare's REST API and the suite's HTTP client, or in a local SQLite file.

The list of allowed hosts, the request budget and the evidence apply to the REST API. A local runtime
(`wrangler dev`, workerd) keeps D1 in a SQLite file that other processes may open.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from cutover.client.http import Client, Request
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
        headers = {"authorization": f"Bearer {self._database.token.reveal()}"} if self._database.token else {}
        body = {"sql": query, "params": list(parameters)}
        answer = self._client.send(Request("d1", "query", "POST", f"{self._database.url}/raw", headers, json=body))
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


def row_store_of(environment: Environment, client: Client) -> RowStore | None:
    """Return the Worker's database, None if the environment names neither its REST API nor its file."""
    if environment.d1 is not None:
        return RowStore(environment.d1, client)
    return RowFile(environment.d1_file) if environment.d1_file is not None else None

"""Rows of the Worker's D1, through Cloudflare's REST API and the suite's HTTP client.

The list of allowed hosts, the request budget and the evidence therefore apply to them.
"""

from __future__ import annotations

from typing import Any

from cutover.client.http import Client, Request
from cutover.config.environments import Database
from cutover.core.errors import CheckFailed


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

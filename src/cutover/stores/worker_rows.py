"""Rows of the Worker's D1, in Cloudflare's REST shape, sent by our one client.

So that the list of hosts, the budget and the evidence hold for them too. Not for reading in bulk.
"""

from __future__ import annotations

from typing import Any

from cutover.client.http import Client, Request
from cutover.config.environments import Database
from cutover.core.errors import CheckFailed


class RowStore:
    """D1 in Cloudflare's REST shape."""

    def __init__(self, database: Database, client: Client) -> None:
        self._database, self._client = database, client

    def rows(self, query: str, *parameters: str) -> list[dict[str, Any]]:
        """The rows of one reading query; parameters are texts (D1's REST takes no others).

        Raises CheckFailed for any answer that is not the rows: a database that refuses has shown nothing.
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

"""Reads what stands behind the Worker, R2 over S3 and D1 over REST, to see what its API does not show.

Single objects and rows, sent by our one client (S3's signature is botocore's), so that the list of
hosts, the budget and the evidence hold for them too. Not for reading in bulk.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from cutover.environments import Bucket, Database
from cutover.failures import CheckFailed
from cutover.http import Client, Request


@dataclass(frozen=True)
class StoredObject:
    """Size in bytes, media type and user metadata (names in lower case) of one object."""

    key: str
    size: int
    content_type: str
    etag: str
    metadata: dict[str, str]


class ObjectStore:
    """One bucket."""

    def __init__(self, bucket: Bucket, client: Client) -> None:
        self._bucket, self._client = bucket, client

    def head(self, key: str) -> StoredObject | None:
        """The object of that key, or None when there is none.

        Raises CheckFailed for any other answer: a store that refuses us has shown nothing.
        """
        # Imported here: 0.3 s that only checks of the store pay.
        from botocore.auth import S3SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials

        url = f"{self._bucket.endpoint}/{self._bucket.bucket}/{quote(key)}"
        signed = AWSRequest(method="HEAD", url=url)
        keys = Credentials(self._bucket.access_key_id.reveal(), self._bucket.secret_access_key.reveal())
        S3SigV4Auth(keys, "s3", "auto").add_auth(signed)  # R2's region is "auto"
        answer = self._client.send(Request("r2", "head_object", "HEAD", url, dict(signed.headers.items())))
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise CheckFailed(
                "store:head",
                expected="status 200 or 404 from the bucket",
                got=f"status {answer.status}",
                source=answer.source,
                do_next="are the keys in [secrets] valid for this bucket, and is [r2] its endpoint?",
            )
        return StoredObject(
            key,
            int(answer.headers.get("content-length", "-1")),
            answer.headers.get("content-type", ""),
            answer.headers.get("etag", "").strip('"'),
            {
                name.removeprefix("x-amz-meta-"): value
                for name, value in answer.headers.items()
                if name.startswith("x-amz-meta-")
            },
        )


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

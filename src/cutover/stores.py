"""Reads the bucket behind the Worker over S3, to see what its API does not show.

Single objects by key, signed by botocore and sent by our one client, so that the list of hosts, the
budget and the evidence hold for it too. Not for reading a bucket in bulk.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from cutover.environments import Bucket
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

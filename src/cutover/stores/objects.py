"""Single objects of the Worker's R2, through boto3.

The bulk reader of the migration gate is bulk_objects.py.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from cutover.client.http import Client
from cutover.config.environments import Bucket
from cutover.core.errors import CheckFailed, Refused
from cutover.stores.s3_client import S3Transport, s3_client
from cutover.stores.s3_signature import CHECK_KEYS

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

PIECE_BYTES: Final = 8 * 1024 * 1024
"""An object is read in pieces of this size, so that memory does not grow with the object."""

_CONTENT_RANGE: Final = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
_NOT_FOUND: Final = 404
_FORBIDDEN: Final = 403


@dataclass(frozen=True)
class StoredObject:
    """An object: size in bytes, media type, user metadata (names in lower case).

    sha256: of its bytes, in hexadecimal digits; None if only its head was read.
    """

    key: str
    size: int
    content_type: str
    etag: str
    metadata: dict[str, str]
    cache_control: str = ""
    sha256: str | None = None

    @property
    def original_name(self) -> str | None:
        """Return the file name in the metadata, percent-decoded (contracts/api.md, Files); None if there is none.

        An escape that is not UTF-8 is left as it is.
        """
        value = self.metadata.get("originalname")
        try:
            return None if value is None else unquote(value, errors="strict")
        except UnicodeDecodeError:
            return value


@dataclass(frozen=True)
class ListedObject:
    """An entry of a listing: key, size in bytes."""

    key: str
    size: int


class ObjectStore:
    """One bucket. Not safe for threads."""

    def __init__(self, bucket: Bucket, client: Client) -> None:
        self._bucket = bucket
        self._transport = S3Transport(bucket, client)

    @cached_property
    def _s3(self) -> S3Client:
        return s3_client(self._bucket, self._transport)

    def head(self, key: str) -> StoredObject | None:
        """Return the object with that key without reading its bytes, None if there is none.

        Raises CheckFailed for any other response: a store that refuses proves nothing.
        """
        head = self._call("head", self._s3.head_object, Key=key)
        if _status(head) == _NOT_FOUND:
            return None
        if "ContentLength" not in head:
            raise self._failed("head", "a response with Content-Length")
        return _object(key, head, size=head["ContentLength"])

    def get(self, key: str) -> StoredObject | None:
        """Return the object with the SHA-256 of its bytes, None if there is none. The bytes are not kept.

        Every piece is requested with the ETag of the first one, so that all are pieces of one object.
        Raises CheckFailed for any other response, for an object that changes or disappears while it is read, and for
        one with a Content-Encoding, because HTTP may not return its bytes as they are stored.
        """
        digest, read, total = hashlib.sha256(), 0, 1
        first: Mapping[str, Any] | None = None
        while read < total:
            wanted = {"Range": f"bytes={read}-{read + PIECE_BYTES - 1}"}
            if first is not None:
                wanted["IfMatch"] = first.get("ETag", "")
            piece = self._call("get", self._s3.get_object, Key=key, **wanted)
            status = _status(piece)
            if first is None and status == _NOT_FOUND:
                return None
            if first is None and status == 416:  # an empty object has no byte range
                return self._empty(key)
            if first is not None and status in (_NOT_FOUND, 412):
                raise self._failed("changed", "one object from its first byte to its last")
            body = piece["Body"].read() if "Body" in piece else b""
            total = self._total(piece, body, read)
            digest.update(body)
            read += len(body)
            first = first or piece
        assert first is not None  # the loop ran at least once
        return _object(key, first, size=read, sha256=digest.hexdigest())

    def list(self, prefix: str, *, page_size: int = 1000) -> Iterator[ListedObject]:
        """Yield every object whose key begins with the prefix, in the store's order, page by page (ListObjectsV2).

        page_size: keys per page, 1 to 1000. Raises CheckFailed for a response that is not a page, and for a page that
        announces more objects without a token for the next page (boto3's paginator takes that for the end).
        https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
        """
        seen: set[str] = set()
        token: dict[str, str] = {}
        while True:
            page = self._call("list", self._s3.list_objects_v2, Prefix=prefix, MaxKeys=page_size, **token)
            if "IsTruncated" not in page:
                raise self._failed("list", "a page of ListObjectsV2 with IsTruncated")
            for entry in page.get("Contents", []):
                if "Key" not in entry or "Size" not in entry:
                    raise self._failed("list", "a page of ListObjectsV2 with key and size of each object")
                yield ListedObject(entry["Key"], entry["Size"])
            if not page["IsTruncated"]:
                return
            following = page.get("NextContinuationToken")
            if following is None or following in seen:
                raise self._failed("list", "a listing with a token for its next page")
            seen.add(following)
            token = {"ContinuationToken": following}

    def remove_own(self, key: str, sha256: str) -> bool:
        """Remove an object that the running check uploaded. Return False if the keys of the bucket may only read.

        sha256: of the uploaded bytes, in hexadecimal digits. Raises Refused, before anything is removed, if the object
        has other bytes: it is not the one that the check uploaded. Raises CheckFailed for an unexpected response.
        https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObject.html
        """
        found = self.get(key)
        if found is None or found.sha256 != sha256:
            raise Refused(f"object {key} is not removed: its bytes are not those that the check uploaded")
        self._transport.removable = key
        try:
            return _status(self._call("remove", self._s3.delete_object, Key=key)) != _FORBIDDEN
        finally:
            self._transport.removable = None

    def _empty(self, key: str) -> StoredObject | None:
        found = self.head(key)
        if found is not None and found.size != 0:
            raise self._failed("get", f"the first bytes of an object of {found.size} bytes")
        return None if found is None else replace(found, sha256=hashlib.sha256().hexdigest())

    def _call(self, finding: str, operation: Callable[..., Any], **arguments: Any) -> Mapping[str, Any]:
        """Return the parsed response, also one with an error status that S3Transport allows."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            parsed: Mapping[str, Any] = operation(Bucket=self._bucket.bucket, **arguments)
        except ClientError as error:
            return dict(error.response)
        except (BotoCoreError, ValueError) as error:  # ValueError: a header or XML element of the wrong type
            raise self._failed(finding, f"a response that boto3 can parse, got {type(error).__name__}") from None
        return parsed

    def _total(self, piece: Mapping[str, Any], body: bytes, read: int) -> int:
        """Return the size of the object. Raises CheckFailed if this is not the requested piece."""
        if piece.get("ContentEncoding", "identity") != "identity":
            raise self._failed("encoded", "an object without Content-Encoding (contracts/api.md, Files)")
        if _status(piece) == 200 and read == 0:  # a store without range requests returns the whole object
            return len(body)
        content_range = _CONTENT_RANGE.fullmatch(piece.get("ContentRange", ""))
        if _status(piece) != 206 or content_range is None:
            raise self._failed("get", "status 206 or 404 from the bucket")
        start, end, total = map(int, content_range.groups())
        if start != read or end != min(read + PIECE_BYTES, total) - 1 or len(body) != end - start + 1:
            raise self._failed("get", f"the bytes from {read} on, as many as Content-Range states")
        return total

    def _failed(self, finding: str, expected: str) -> CheckFailed:
        answer = self._transport.last_answer
        return CheckFailed(
            f"store:{finding}",
            expected=expected,
            got="no response" if answer is None else f"status {answer.status}",
            source=f"bucket {self._bucket.bucket}" if answer is None else answer.source,
            do_next=CHECK_KEYS,
        )


def _status(parsed: Mapping[str, Any]) -> int:
    return int(parsed["ResponseMetadata"]["HTTPStatusCode"])


def _object(key: str, parsed: Mapping[str, Any], *, size: int, sha256: str | None = None) -> StoredObject:
    return StoredObject(
        key,
        size,
        parsed.get("ContentType", ""),
        parsed.get("ETag", "").strip('"'),
        {name.lower(): value for name, value in parsed.get("Metadata", {}).items()},
        cache_control=parsed.get("CacheControl", ""),
        sha256=sha256,
    )

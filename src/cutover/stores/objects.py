"""Objects in the Worker's R2 over S3, sent by our one client (S3's signature is botocore's).

So that the list of hosts, the budget and the evidence hold for them too. Not for reading in bulk.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, unquote, unquote_plus

from cutover.client.http import Answer, Client, Request
from cutover.config.environments import Bucket
from cutover.core.errors import CheckFailed

PIECE_BYTES: Final = 8 * 1024 * 1024
"""An object is read in pieces of that size, so that its size does not decide how much memory a check takes."""

_KEYS: Final = "are the keys in [secrets] valid for this bucket, and is [r2] its endpoint?"
_CONTENT_RANGE: Final = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


@dataclass(frozen=True)
class StoredObject:
    """Size in bytes, media type and user metadata (names in lower case) of one object.

    sha256: of its bytes, in hexadecimal digits; None when only its head was read.
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
        """The file's name of the metadata, percent-decoded (contracts/api.md, Files); None when there is none.

        An escape that is no UTF-8 stays as it is, to be seen.
        """
        value = self.metadata.get("originalname")
        try:
            return None if value is None else unquote(value, errors="strict")
        except UnicodeDecodeError:
            return value


@dataclass(frozen=True)
class ListedObject:
    """One line of a listing: key, size in bytes."""

    key: str
    size: int


class ObjectStore:
    """One bucket."""

    def __init__(self, bucket: Bucket, client: Client) -> None:
        self._bucket, self._client = bucket, client

    def head(self, key: str) -> StoredObject | None:
        """The object of that key, or None when there is none. Its bytes are not read.

        Raises CheckFailed for any other answer: a store that refuses us has shown nothing.
        """
        answer = self._send("head_object", "HEAD", key)
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise _failed("head", answer, expected="status 200 or 404 from the bucket")
        size = answer.headers.get("content-length", "")
        return _object(key, answer, size=int(size) if size.isdecimal() else -1)

    def get(self, key: str) -> StoredObject | None:
        """The same with the SHA-256 of the bytes, which are read in pieces of PIECE_BYTES and not kept.

        Every piece is asked for by the first one's ETag, so that they are pieces of one object.
        Raises CheckFailed for any other answer, for an object that changed or went while it was read, and for
        one with a Content-Encoding, whose bytes HTTP would not show as they are stored.
        """
        digest, read, total, etag = hashlib.sha256(), 0, 1, ""
        first: Answer | None = None
        while read < total:
            headers = {"range": f"bytes={read}-{read + PIECE_BYTES - 1}"} | ({"if-match": etag} if etag else {})
            answer = self._send("get_object", "GET", key, headers=headers)
            if first is None and answer.status == 404:
                return None
            if first is None and answer.status == 416:  # no range of an object without bytes can be satisfied
                return self._empty(key, answer)
            if first is not None and answer.status in (404, 412):
                raise _failed("changed", answer, expected="one object from its first byte to its last")
            total = _total(answer, read)
            digest.update(answer.body)
            read += len(answer.body)
            first = first or answer
            etag = first.headers.get("etag", "")
        assert first is not None  # the loop went round at least once
        return _object(key, first, size=read, sha256=digest.hexdigest())

    def list(self, prefix: str, *, page_size: int = 1000) -> Iterator[ListedObject]:
        """Every object whose key begins with the prefix, in the store's order, page by page (ListObjectsV2).

        page_size: keys a page, 1 to 1000. Raises CheckFailed for any answer that is no page, and for one that
        says that there are more and not where: a listing that was cut off would hide objects.
        https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
        """
        seen: set[str] = set()
        query = {"list-type": "2", "prefix": prefix, "max-keys": str(page_size), "encoding-type": "url"}
        while True:
            page = _page(self._send("list_objects", "GET", "", query=query))
            yield from page.objects
            if not page.truncated:
                return
            if page.next_token is None or page.next_token in seen:
                raise _failed("list", page.answer, expected="a listing that says where its next page begins")
            seen.add(page.next_token)
            query["continuation-token"] = page.next_token

    def _empty(self, key: str, refused: Answer) -> StoredObject | None:
        found = self.head(key)
        if found is not None and found.size != 0:
            raise _failed("get", refused, expected=f"the first bytes of an object of {found.size} bytes")
        empty = hashlib.sha256().hexdigest()
        return None if found is None else StoredObject(**{**vars(found), "sha256": empty})

    def _send(
        self,
        operation: str,
        method: str,
        key: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        # Imported here: 0.3 s that only checks of the store pay.
        from botocore.auth import S3SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials

        url = f"{self._bucket.endpoint}/{self._bucket.bucket}" + (f"/{quote(key)}" if key else "")
        if query:
            url += "?" + "&".join(f"{name}={quote(value, safe='')}" for name, value in sorted(query.items()))
        signed = AWSRequest(method=method, url=url, headers=dict(headers or {}))
        keys = Credentials(self._bucket.access_key_id.reveal(), self._bucket.secret_access_key.reveal())
        S3SigV4Auth(keys, "s3", "auto").add_auth(signed)  # R2's region is "auto"
        # identity: what is compared are the bytes as they are stored. Not signed, as proxies may change it.
        sent = {**dict(signed.headers.items()), "accept-encoding": "identity"}
        return self._client.send(Request("r2", operation, method, url, sent))


@dataclass(frozen=True)
class _Page:
    answer: Answer
    objects: list[ListedObject] = field(default_factory=list)
    truncated: bool = False
    next_token: str | None = None


def _page(answer: Answer) -> _Page:
    # Imported here: only checks that list pay for it.
    from xml.etree import ElementTree

    expected = "a page of ListObjectsV2"
    if answer.status != 200:
        raise _failed("list", answer, expected=expected)
    try:
        root = ElementTree.fromstring(answer.body)  # noqa: S314 - from the named bucket; expat bounds what entities grow to
    except ElementTree.ParseError:
        raise _failed("list", answer, expected=expected) from None
    try:
        objects = [
            # Asked for with encoding-type=url, so that a key may hold what XML cannot.
            ListedObject(unquote_plus(entry.findtext("{*}Key") or ""), int(entry.findtext("{*}Size") or ""))
            for entry in root.findall("{*}Contents")
        ]
    except ValueError:
        raise _failed("list", answer, expected=f"{expected} with a size for each object") from None
    truncated = {"true": True, "false": False}.get(root.findtext("{*}IsTruncated") or "")
    if truncated is None:
        raise _failed("list", answer, expected=f"{expected} that says whether it is the last")
    return _Page(answer, objects, truncated, root.findtext("{*}NextContinuationToken"))


def _total(answer: Answer, read: int) -> int:
    """The object's size as this piece tells it. Raises CheckFailed for what is not the piece that was asked for."""
    if answer.headers.get("content-encoding", "identity") != "identity":
        raise _failed("encoded", answer, expected="an object without Content-Encoding, as the contract has it")
    if answer.status == 200 and read == 0:  # a store that knows no ranges gives all of it
        return len(answer.body)
    told = _CONTENT_RANGE.fullmatch(answer.headers.get("content-range", ""))
    if answer.status != 206 or told is None:
        raise _failed("get", answer, expected="status 206 or 404 from the bucket")
    start, end, total = map(int, told.groups())
    if start != read or end != min(read + PIECE_BYTES, total) - 1 or len(answer.body) != end - start + 1:
        raise _failed("get", answer, expected=f"the bytes from {read} on, as many as Content-Range says")
    return total


def _object(key: str, answer: Answer, *, size: int, **more: Any) -> StoredObject:
    headers = answer.headers
    return StoredObject(
        key,
        size,
        headers.get("content-type", ""),
        headers.get("etag", "").strip('"'),
        {name.removeprefix("x-amz-meta-"): value for name, value in headers.items() if name.startswith("x-amz-meta-")},
        cache_control=headers.get("cache-control", ""),
        **more,
    )


def _failed(finding: str, answer: Answer, *, expected: str) -> CheckFailed:
    return CheckFailed(
        f"store:{finding}", expected=expected, got=f"status {answer.status}", source=answer.source, do_next=_KEYS
    )

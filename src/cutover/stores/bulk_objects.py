"""All objects of a bucket, for the migration gate: a listing that is proven complete, and bytes read by many threads.

http.client instead of boto3, which reads a third as many small objects per second and takes a page without a
continuation token for the end of the bucket (docs/adr/0013-one-s3-client.md). Reads no environment variable and follows
no redirect. Single objects: objects.py.
"""

from __future__ import annotations

import http.client
import random
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import quote, unquote_plus, urlsplit
from xml.etree import ElementTree

from cutover.core.errors import CheckFailed, MeasurementError, Unreachable
from cutover.stores.s3_signature import CHECK_KEYS, S3Signer, host_header

if TYPE_CHECKING:
    from cutover.config.environments import Bucket
    from cutover.core.safety import AllowList

PIECE_BYTES: Final = 1024 * 1024
PAGE_KEYS: Final = 1000
"""The maximum of S3 (https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html)."""
RETRY_S: Final = 60.0
"""A request is retried for so long after a broken connection, 429 or 5xx. Reading has no side effect."""

_UNRESERVED: Final = "-_.~"
_METADATA: Final = "x-amz-meta-"


class Listed(NamedTuple):
    """An entry of a listing: key, size in bytes, ETag without quotes."""

    key: str
    size: int
    etag: str


class OpenObject:
    """An object whose headers were read and whose bytes are being read.

    size: Content-Length in bytes, -1 if the store sent none. headers: by lower-case name.
    """

    def __init__(self, key: str, response: http.client.HTTPResponse) -> None:
        self.key, self._response = key, response
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        length = self.headers.get("content-length", "")
        self.size = int(length) if length.isdecimal() else -1

    @property
    def etag(self) -> str:
        """Return the ETag without quotes."""
        return self.headers.get("etag", "").strip('"')

    @property
    def encoding(self) -> str:
        """Return the Content-Encoding, "" if the bytes are sent as they are stored."""
        encoding = self.headers.get("content-encoding", "")
        return "" if encoding == "identity" else encoding

    @property
    def metadata(self) -> dict[str, str]:
        """Return the user metadata by lower-case name."""
        return {
            name.removeprefix(_METADATA): value for name, value in self.headers.items() if name.startswith(_METADATA)
        }

    def pieces(self) -> Iterator[bytes]:
        """Yield the bytes as they are stored, at most PIECE_BYTES at a time. Raises BrokenError if they end early."""
        read = 0
        try:
            while piece := self._response.read(PIECE_BYTES):
                read += len(piece)
                yield piece
        except (OSError, http.client.HTTPException) as error:
            raise BrokenError(str(error) or type(error).__name__) from None
        if read != self.size:
            raise BrokenError(f"received {read} of {self.size} bytes")


class BrokenError(Exception):
    """The connection broke while an object was read. The object can be read again from its first byte."""


class BulkObjects:
    """One bucket. Safe for threads: each has a connection."""

    def __init__(
        self,
        bucket: Bucket,
        allowed: AllowList,
        *,
        timeout_s: float = 60.0,
        ca_file: str | None = None,
        stop: Callable[[], None] = lambda: None,
        retry_s: float = RETRY_S,
    ) -> None:
        """allowed: refuses an endpoint that the environment does not name (Refused). stop: called before each
        request, raises if the run must end (KillSwitch.check). timeout_s: of each connection and read."""
        allowed.permit(bucket.endpoint)
        parts = urlsplit(bucket.endpoint)
        assert parts.hostname is not None  # the list of allowed hosts has no URL without one
        self._host, self._port = parts.hostname, parts.port
        self._host_header = host_header(parts)
        self._path = f"{parts.path.rstrip('/')}/{quote(bucket.bucket, safe=_UNRESERVED)}"
        self._tls = ssl.create_default_context(cafile=ca_file) if parts.scheme == "https" else None
        self._bucket, self._timeout_s, self._stop, self._retry_s = bucket, timeout_s, stop, retry_s
        self._signer = S3Signer(bucket)
        self._of_thread = threading.local()
        # Each connection with the response that is being read on it, which keeps the socket open.
        self._open: dict[http.client.HTTPConnection, http.client.HTTPResponse | None] = {}
        self._lock = threading.Lock()
        self.requests, self.retries = 0, 0

    @property
    def name(self) -> str:
        """Return the name of the bucket."""
        return self._bucket.bucket

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            for connection, response in self._open.items():
                _close(connection, response)
            self._open.clear()
        self._of_thread = threading.local()

    def listing(self, prefix: str, *, page_keys: int = PAGE_KEYS) -> Iterator[list[Listed]]:
        """Yield every object whose key begins with the prefix, ordered by key, page by page (ListObjectsV2).

        Raises MeasurementError for a listing that may be incomplete: one that breaks off, that announces more objects
        without a continuation token, or that contains a key twice or out of order. Raises CheckFailed if the store
        refuses.
        """
        query = {"encoding-type": "url", "list-type": "2", "max-keys": str(page_keys), "prefix": prefix}
        last, listed = b"", 0
        while True:
            page, truncated, token = self._page(query, listed)
            for entry in page:
                key = entry.key.encode("utf-8", "surrogateescape")
                if key <= last:
                    raise self._truncated(listed, f"{entry.key!r} is listed twice or out of order")
                last = key
            listed += len(page)
            if page:
                yield page
            if not truncated:
                return
            if not token:
                raise self._truncated(listed, "the store announced more objects without a continuation token")
            if not page:
                raise self._truncated(listed, "the store announced more objects and sent an empty page")
            query["continuation-token"] = token

    def open(self, key: str) -> OpenObject | None:
        """Return the object with that key, None if there is none. This thread must read its bytes to the end or `drop`.

        Raises Unreachable, MeasurementError and CheckFailed as `listing` does.
        """
        response = self._send(f"{self._path}/{quote(key, safe='/' + _UNRESERVED, errors='surrogateescape')}", {})
        if response.status == 404:
            self._drain(response)
            return None
        if response.status != 200:
            raise self._refused(f"reading {key!r}", response, expected="status 200 or 404 from the bucket")
        return OpenObject(key, response)

    def drop(self) -> None:
        """Close this thread's connection because a response on it was not read to the end."""
        connection = getattr(self._of_thread, "connection", None)
        if connection is not None:
            self._of_thread.connection = None
            with self._lock:
                response = self._open.pop(connection, None)
            _close(connection, response)

    def _page(self, query: Mapping[str, str], listed: int) -> tuple[list[Listed], bool, str]:
        deadline = time.monotonic() + self._retry_s
        while True:
            response = self._send(self._path, query)
            if response.status != 200:
                raise self._refused("listing", response, expected="a page of ListObjectsV2")
            try:
                body = response.read()
                break
            except (OSError, http.client.HTTPException) as error:
                self.drop()
                self._pause(deadline, f"the listing broke off after {listed} objects: {error or type(error).__name__}")
        try:
            return _read_page(body)
        except (ElementTree.ParseError, ValueError) as error:
            raise self._truncated(listed, f"the response is not a page of ListObjectsV2 ({error})") from None

    def _send(self, path: str, query: Mapping[str, str]) -> http.client.HTTPResponse:
        """Send a GET and return the response. Retries for `retry_s` on a broken connection, 429 and 5xx."""
        deadline = time.monotonic() + self._retry_s
        while True:
            self._stop()
            reused = getattr(self._of_thread, "connection", None) is not None
            try:
                response = self._send_once(path, query)
            except (OSError, http.client.HTTPException) as error:
                self.drop()
                if reused:  # servers close idle connections; that does not count as a retry
                    continue
                self._pause(deadline, f"no response: {str(error) or type(error).__name__}")
                continue
            if response.status != 429 and response.status < 500:
                return response
            self._drain(response)
            self._pause(deadline, f"status {response.status}", response.getheader("retry-after"))

    def _send_once(self, path: str, query: Mapping[str, str]) -> http.client.HTTPResponse:
        connection = getattr(self._of_thread, "connection", None) or self._connect()
        encoded = "&".join(f"{name}={quote(value, safe=_UNRESERVED)}" for name, value in sorted(query.items()))
        self.requests += 1
        connection.putrequest(
            "GET", f"{path}?{encoded}" if encoded else path, skip_host=True, skip_accept_encoding=True
        )
        for name, value in self._signer.headers("GET", self._host_header, path, encoded).items():
            connection.putheader(name, value)
        connection.putheader("accept-encoding", "identity")  # compared are the bytes as they are stored
        connection.endheaders()
        response: http.client.HTTPResponse = connection.getresponse()
        self._open[connection] = response
        return response

    def _connect(self) -> http.client.HTTPConnection:
        connection: http.client.HTTPConnection
        if self._tls is not None:
            connection = http.client.HTTPSConnection(self._host, self._port, timeout=self._timeout_s, context=self._tls)
        else:
            connection = http.client.HTTPConnection(self._host, self._port, timeout=self._timeout_s)
        connection.connect()
        self._of_thread.connection = connection
        with self._lock:
            self._open[connection] = None
        return connection

    def _drain(self, response: http.client.HTTPResponse) -> None:
        """Read the body of an error response so that the connection can be reused."""
        try:
            response.read()
        except (OSError, http.client.HTTPException):
            self.drop()

    def _pause(self, deadline: float, reason: str, retry_after: str | None = None) -> None:
        """Wait before the next try. Raises Unreachable after the deadline."""
        self.retries += 1
        # Random, so that the threads do not retry at the same moment.
        pause = float(retry_after) if retry_after and retry_after.isdecimal() else random.uniform(0.1, 1.0)  # noqa: S311
        if time.monotonic() + pause > deadline:
            raise Unreachable(
                f"the bucket {self.name} at {self._bucket.endpoint} did not answer within {self._retry_s:g} s: {reason}"
            )
        time.sleep(pause)

    def _truncated(self, listed: int, reason: str) -> MeasurementError:
        return MeasurementError(
            f"the listing of the bucket {self.name} was cut short after {listed} objects: {reason}. Objects that it "
            "lacks may exist, so nothing follows from it. Run it again; if it happens again, ask the store's operator."
        )

    def _refused(self, doing: str, response: http.client.HTTPResponse, *, expected: str) -> CheckFailed:
        status, location = response.status, response.getheader("location")
        self._drain(response)
        return CheckFailed(
            f"store:bulk:{status}",
            expected=expected,
            got=f"status {status} while {doing}" + (f", redirect to {location!r}, not followed" if location else ""),
            source=f"bucket {self.name} at {self._bucket.endpoint}",
            do_next=CHECK_KEYS,
        )


def _close(connection: http.client.HTTPConnection, response: http.client.HTTPResponse | None) -> None:
    connection.close()
    if response is not None:
        response.close()


def _read_page(body: bytes) -> tuple[list[Listed], bool, str]:
    """Return objects, True if there are more, and the token of the next page. Raises ParseError, ValueError."""
    root = ElementTree.fromstring(body)  # noqa: S314 - from the named bucket; expat limits the expansion of entities
    space = root.tag.partition("}")[0] + "}" if root.tag.startswith("{") else ""
    if root.tag != f"{space}ListBucketResult":
        raise ValueError(f"its root element is {root.tag!r}")
    objects = []
    for entry in root.iter(f"{space}Contents"):
        key, size, etag = (entry.findtext(f"{space}{name}") for name in ("Key", "Size", "ETag"))
        if not key or size is None or etag is None:
            raise ValueError("an object without key, size or ETag")
        objects.append(Listed(unquote_plus(key, errors="surrogateescape"), int(size), etag.strip('"')))
    truncated = {"true": True, "false": False}.get(root.findtext(f"{space}IsTruncated") or "")
    if truncated is None:
        raise ValueError("IsTruncated is missing")
    return objects, truncated, root.findtext(f"{space}NextContinuationToken") or ""

"""The Worker's R2 in bulk, over S3: a listing that is proven whole, and objects read piece by piece by many threads.

For reading alone. http.client and not obstore or boto3: those follow redirects to any host, and take proxies, session
tokens and certificates from this process's environment. Single objects in a check: stores/objects.py.
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
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
from cutover.migration.plain_response import PlainResponse

if TYPE_CHECKING:
    from cutover.config.environments import Bucket
    from cutover.core.safety import AllowList

PIECE_BYTES: Final = 1024 * 1024
PAGE_KEYS: Final = 1000
"""The most that S3 gives (https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html)."""
RETRY_S: Final = 60.0
"""How long a request is tried again after a broken connection, 429 or 5xx. Reading twice changes nothing."""

_REGION: Final = "auto"  # R2's
_NOTHING: Final = hashlib.sha256(b"").hexdigest()
_UNRESERVED: Final = "-_.~"
_KEYS: Final = "are the keys in [secrets] valid for this bucket, and is [r2] its endpoint?"
_METADATA: Final = "x-amz-meta-"


class Listed(NamedTuple):
    """One line of a listing: key, size in bytes, ETag without quotes."""

    key: str
    size: int
    etag: str


class Opened:
    """An object whose head was read and whose bytes are being read. size: as the store says, in bytes."""

    def __init__(self, key: str, response: http.client.HTTPResponse) -> None:
        self.key, self._response = key, response
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        length = self.headers.get("content-length", "")
        self.size = int(length) if length.isdecimal() else -1

    @property
    def etag(self) -> str:
        """The ETag without quotes."""
        return self.headers.get("etag", "").strip('"')

    @property
    def encoding(self) -> str:
        """Its Content-Encoding; "" for an object whose bytes come as they are stored."""
        encoding = self.headers.get("content-encoding", "")
        return "" if encoding == "identity" else encoding

    @property
    def metadata(self) -> dict[str, str]:
        """The user's metadata by lower-case name, as S3 shows them."""
        return {
            name.removeprefix(_METADATA): value for name, value in self.headers.items() if name.startswith(_METADATA)
        }

    def pieces(self) -> Iterator[bytes]:
        """The bytes as they are stored, in pieces of at most PIECE_BYTES. Raises BrokenError when they end early."""
        read = 0
        try:
            while piece := self._response.read(PIECE_BYTES):
                read += len(piece)
                yield piece
        except (OSError, http.client.HTTPException) as error:
            raise BrokenError(str(error) or type(error).__name__) from None
        if read != self.size:
            raise BrokenError(f"{read} of {self.size} bytes came")


class BrokenError(Exception):
    """The connection broke while an object was read; it can be read again from its first byte."""


class BulkBucket:
    """One bucket. Safe for threads: each has its own connection."""

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
        request, raises when the run must end (KillSwitch.check). timeout_s: of each connection and read."""
        allowed.permit(bucket.endpoint)
        parts = urlsplit(bucket.endpoint)
        assert parts.hostname is not None  # the list of allowed hosts holds no URL without one
        self._host, self._port = parts.hostname, parts.port
        self._written_host = parts.netloc.rpartition("@")[2]
        self._path = f"{parts.path.rstrip('/')}/{quote(bucket.bucket, safe=_UNRESERVED)}"
        self._tls = ssl.create_default_context(cafile=ca_file) if parts.scheme == "https" else None
        self._bucket, self._timeout_s, self._stop, self._retry_s = bucket, timeout_s, stop, retry_s
        self._mine = threading.local()
        # Each connection with the answer that is being read on it, which keeps the socket open on its own.
        self._open: dict[http.client.HTTPConnection, http.client.HTTPResponse | None] = {}
        self._signing: tuple[str, bytes] = ("", b"")
        self._lock = threading.Lock()
        self.requests, self.retries = 0, 0

    @property
    def name(self) -> str:
        """The bucket, to speak of it."""
        return self._bucket.bucket

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            for connection, response in self._open.items():
                _close(connection, response)
            self._open.clear()
        self._mine = threading.local()

    def listing(self, prefix: str, *, page_keys: int = PAGE_KEYS) -> Iterator[list[Listed]]:
        """Every object whose key begins with the prefix, in order of key, page by page (ListObjectsV2).

        Raises MeasurementError for a listing that cannot be whole: one that breaks off, says that there is more and not
        where, gives a key twice or out of order. CheckFailed for a store that refuses.
        """
        query = {"encoding-type": "url", "list-type": "2", "max-keys": str(page_keys), "prefix": prefix}
        last, listed = b"", 0
        while True:
            page, truncated, token = self._page(query, listed)
            for entry in page:
                key = entry.key.encode("utf-8", "surrogateescape")
                if key <= last:
                    raise self._cut(listed, f"{entry.key!r} came twice or out of order")
                last = key
            listed += len(page)
            if page:
                yield page
            if not truncated:
                return
            if not token:
                raise self._cut(listed, "the store said that there is more and not where it begins")
            if not page:
                raise self._cut(listed, "the store said that there is more and gave none of it")
            query["continuation-token"] = token

    def open(self, key: str) -> Opened | None:
        """The object of that key, its bytes still to be read to their end by this thread; None when there is none.

        Raises Unreachable, MeasurementError and CheckFailed as `listing` does.
        """
        response = self._send(f"{self._path}/{quote(key, safe='/' + _UNRESERVED, errors='surrogateescape')}", {})
        if response.status == 404:
            self._drain(response)
            return None
        if response.status != 200:
            raise self._refused(f"reading {key!r}", response, expected="status 200 or 404 from the bucket")
        return Opened(key, response)

    def drop(self) -> None:
        """Close this thread's connection: something on it was not read to its end."""
        connection = getattr(self._mine, "connection", None)
        if connection is not None:
            self._mine.connection = None
            with self._lock:
                response = self._open.pop(connection, None)
            _close(connection, response)

    # --- parts of the above ----------------------------------------------------------------------

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
                self._pause(deadline, f"the listing broke off behind {listed} objects: {error or type(error).__name__}")
        try:
            return _read_page(body)
        except (ElementTree.ParseError, ValueError) as error:
            raise self._cut(listed, f"what came is no page of ListObjectsV2 ({error})") from None

    def _send(self, path: str, query: Mapping[str, str]) -> http.client.HTTPResponse:
        """The answer to a GET; asked again until RETRY_S are over where the store is in trouble."""
        deadline = time.monotonic() + self._retry_s
        while True:
            self._stop()
            reused = getattr(self._mine, "connection", None) is not None
            try:
                response = self._once(path, query)
            except (OSError, http.client.HTTPException) as error:
                self.drop()
                if reused:  # it was closed while it was idle, as servers do: that is no trouble
                    continue
                self._pause(deadline, f"no answer: {str(error) or type(error).__name__}")
                continue
            if response.status != 429 and response.status < 500:
                return response
            self._drain(response)
            self._pause(deadline, f"status {response.status}", response.getheader("retry-after"))

    def _once(self, path: str, query: Mapping[str, str]) -> http.client.HTTPResponse:
        connection = getattr(self._mine, "connection", None) or self._connect()
        encoded = "&".join(f"{name}={quote(value, safe=_UNRESERVED)}" for name, value in sorted(query.items()))
        self.requests += 1
        connection.putrequest(
            "GET", f"{path}?{encoded}" if encoded else path, skip_host=True, skip_accept_encoding=True
        )
        # What is compared are the bytes as they are stored.
        for name, value in (*self._signed(path, encoded), ("accept-encoding", "identity")):
            connection.putheader(name, value)
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
        connection.response_class = PlainResponse
        connection.connect()
        self._mine.connection = connection
        with self._lock:
            self._open[connection] = None
        return connection

    def _signed(self, path: str, query: str) -> list[tuple[str, str]]:
        """The headers of a signed GET.
        https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html"""
        now = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
        scope = f"{now[:8]}/{_REGION}/s3/aws4_request"
        headers = [("host", self._written_host), ("x-amz-content-sha256", _NOTHING), ("x-amz-date", now)]
        names = ";".join(name for name, _ in headers)
        canonical = "\n".join(["GET", path, query, *(f"{n}:{v}" for n, v in headers), "", names, _NOTHING])
        text = "\n".join(["AWS4-HMAC-SHA256", now, scope, hashlib.sha256(canonical.encode()).hexdigest()])
        signature = hmac.digest(self._signing_key(now[:8]), text.encode(), "sha256").hex()
        authorization = (
            f"AWS4-HMAC-SHA256 Credential={self._bucket.access_key_id.reveal()}/{scope}, "
            f"SignedHeaders={names}, Signature={signature}"
        )
        return [*headers, ("authorization", authorization)]

    def _signing_key(self, day: str) -> bytes:
        held = self._signing
        if held[0] != day:
            key = b"AWS4" + self._bucket.secret_access_key.reveal().encode()
            for part in (day, _REGION, "s3", "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            held = self._signing = (day, key)
        return held[1]

    def _drain(self, response: http.client.HTTPResponse) -> None:
        """Read an answer that says no, so that the connection can go on."""
        try:
            response.read()
        except (OSError, http.client.HTTPException):
            self.drop()

    def _pause(self, deadline: float, reason: str, retry_after: str | None = None) -> None:
        """Wait before the next try. Raises Unreachable behind the deadline."""
        self.retries += 1
        wanted = float(retry_after) if retry_after and retry_after.isdecimal() else random.uniform(0.1, 1.0)  # noqa: S311 - so that threads do not come back together
        if time.monotonic() + wanted > deadline:
            raise Unreachable(
                f"the bucket {self.name} at {self._bucket.endpoint} did not answer within {self._retry_s:g} s: {reason}"
            )
        time.sleep(wanted)

    def _cut(self, listed: int, reason: str) -> MeasurementError:
        return MeasurementError(
            f"the listing of the bucket {self.name} was cut short behind {listed} objects: {reason}. What it does not "
            "show is not missing, so nothing follows from it. Run it again; if it stays so, ask who runs the store."
        )

    def _refused(self, doing: str, response: http.client.HTTPResponse, *, expected: str) -> CheckFailed:
        status, led = response.status, response.getheader("location")
        self._drain(response)
        return CheckFailed(
            f"store:bulk:{status}",
            expected=expected,
            got=f"status {status} while {doing}" + (f", leading to {led!r}, which is not followed" if led else ""),
            source=f"bucket {self.name} at {self._bucket.endpoint}",
            do_next=_KEYS,
        )


def _close(connection: http.client.HTTPConnection, response: http.client.HTTPResponse | None) -> None:
    connection.close()
    if response is not None:
        response.close()


def _read_page(body: bytes) -> tuple[list[Listed], bool, str]:
    """Objects, whether there are more, and where. Raises ElementTree.ParseError, ValueError."""
    root = ElementTree.fromstring(body)  # noqa: S314 - from the named bucket; expat bounds what entities grow to
    space = root.tag.partition("}")[0] + "}" if root.tag.startswith("{") else ""
    if root.tag != f"{space}ListBucketResult":
        raise ValueError(f"its root is {root.tag!r}")
    objects = []
    for entry in root.iter(f"{space}Contents"):
        key, size, etag = (entry.findtext(f"{space}{name}") for name in ("Key", "Size", "ETag"))
        if not key or size is None or etag is None:
            raise ValueError("an object without key, size or ETag")
        objects.append(Listed(unquote_plus(key, errors="surrogateescape"), int(size), etag.strip('"')))
    truncated = {"true": True, "false": False}.get(root.findtext(f"{space}IsTruncated") or "")
    if truncated is None:
        raise ValueError("it does not say whether it is the last")
    return objects, truncated, root.findtext(f"{space}NextContinuationToken") or ""

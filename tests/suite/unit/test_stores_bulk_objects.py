"""Tests of the bulk reader with a store that fails: a truncated listing or object never looks complete."""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from cutover.config.environments import Bucket
from cutover.core.errors import CheckFailed, MeasurementError, Stopped, Unreachable
from cutover.core.safety import AllowList
from cutover.core.secrets import Secret
from cutover.stores.bulk_objects import BrokenError, BulkObjects

pytestmark = pytest.mark.unit

KEYS = [f"uploads/user-1/{number:03}.csv" for number in range(7)]
Answer = tuple[int, dict[str, str], bytes]


class Store:
    """A store with given responses. answer: from path, query and the number of the request."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.answer: Callable[[str, dict[str, str], int], Answer | None] = honest
        store = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                query = {name: value[0] for name, value in parse_qs(parts.query).items()}
                store.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
                told = store.answer(parts.path, query, len(store.asked))
                if told is None:  # hang up without a word
                    self.close_connection = True
                    return
                status, headers, body = told
                self.send_response(status)
                for name, value in {"content-length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)
                self.close_connection = int(headers.get("content-length", len(body))) != len(body)

            def log_message(self, *_: object) -> None:
                """Print nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def bucket(self, **more: Any) -> BulkObjects:
        """Return a bulk reader of the store."""
        named = Bucket(self.url, "lists", Secret("the key id"), Secret("the secret key"))
        return BulkObjects(named, AllowList({"r2": self.url}), **{"retry_s": 1.5, "timeout_s": 5, **more})


@pytest.fixture
def store() -> Iterator[Store]:
    """A store on loopback."""
    made = Store()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


def page(keys: list[str], *, token: str = "", truncated: str = "") -> Answer:
    """Return a page of ListObjectsV2."""
    entries = "".join(
        f"<Contents><Key>{escape(key)}</Key><Size>3</Size><ETag>&quot;e&quot;</ETag></Contents>" for key in keys
    )
    more = truncated or str(bool(token)).lower()
    told = f"<NextContinuationToken>{token}</NextContinuationToken>" if token else ""
    space = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
    body = f"<ListBucketResult {space}>{entries}<IsTruncated>{more}</IsTruncated>{told}</ListBucketResult>"
    return 200, {}, body.encode()


def honest(_path: str, query: dict[str, str], _number: int) -> Answer:
    """Return three keys per page."""
    start = int(query.get("continuation-token", "0"))
    return page(KEYS[start : start + 3], token=str(start + 3) if start + 3 < len(KEYS) else "")


def listed(bucket: BulkObjects) -> list[str]:
    """Return all keys of the listing, and close the bucket."""
    with contextlib.closing(bucket):
        return [each.key for found in bucket.listing("uploads/") for each in found]


def test_listing_contains_all_pages_in_order(store: Store) -> None:
    """Three requests on one connection."""
    assert listed(store.bucket()) == KEYS
    assert len(store.asked) == 3


CUT: dict[str, Callable[[str, dict[str, str], int], Answer]] = {
    "more, and not where": lambda *_: page(KEYS[:3], truncated="true"),
    "more, and none of it": lambda _path, _query, number: page(KEYS[:3] if number == 1 else [], token="3"),
    "the same page twice": lambda _path, _query, number: page(KEYS[:3], token=str(number)),
    "a key twice": lambda *_: page([KEYS[0], KEYS[0]]),
    "out of order": lambda *_: page([KEYS[1], KEYS[0]]),
    "not whether it is the last": lambda *_: page(KEYS, truncated="perhaps"),
    "half a page": lambda *_: (200, {}, page(KEYS)[2][:150]),
    "a page for people": lambda *_: (200, {}, b"<html><body>Welcome</body></html>"),
    "an object without size": lambda *_: (200, {}, page(KEYS)[2].replace(b"Size", b"Sise")),
}  # fmt: skip


@pytest.mark.parametrize("cut", CUT)
def test_incomplete_listing_is_refused(store: Store, cut: str) -> None:
    """obstore and boto3 take the first of these for the end of the bucket."""
    store.answer = CUT[cut]
    with pytest.raises(MeasurementError, match=r"listing of the bucket lists was cut short(?s:.*)Run it again"):
        listed(store.bucket())


def test_broken_page_is_retried_until_the_deadline(store: Store) -> None:
    """A page that ends early never counts."""

    def broken(path: str, query: dict[str, str], number: int) -> Answer:
        status, headers, body = honest(path, query, number)
        if query.get("continuation-token") == "3" and number < 4:
            return status, {**headers, "content-length": str(len(body) + 10)}, body
        return status, headers, body

    store.answer = broken
    assert listed(store.bucket(retry_s=10)) == KEYS
    store.asked.clear()
    store.answer = lambda *_: (200, {"content-length": "5000"}, page(KEYS)[2])
    with pytest.raises(Unreachable, match=r"did not answer within 1.5 s: the listing broke off after 0 objects"):
        listed(store.bucket())


@pytest.mark.parametrize("status", [429, 500, 503])
def test_failing_store_is_retried_until_the_deadline(store: Store, status: int) -> None:
    """Retry-After is respected."""
    store.answer = lambda path, query, number: (
        (status, {"retry-after": "0"}, b"") if number in (1, 2, 4) else honest(path, query, number)
    )
    bucket = store.bucket()
    assert listed(bucket) == KEYS
    assert bucket.retries == 3
    store.answer = lambda *_: (status, {}, b"")
    with pytest.raises(Unreachable, match=rf"did not answer within 1.5 s: status {status}"):
        listed(store.bucket())


def test_store_without_a_response_is_unreachable(store: Store) -> None:
    """No response is no listing."""
    store.answer = lambda *_: None
    with pytest.raises(Unreachable, match=r"no response"):
        listed(store.bucket())


def test_redirect_is_not_followed(store: Store) -> None:
    """It could lead to a host that the environment does not name."""
    store.answer = lambda *_: (307, {"location": "http://127.0.0.2:9/elsewhere"}, b"")
    with pytest.raises(CheckFailed, match=r"status 307 while listing, redirect to .*not followed"):
        listed(store.bucket())
    with pytest.raises(CheckFailed, match="status 307 while reading"), contextlib.closing(store.bucket()) as bucket:
        bucket.open(KEYS[0])
    assert len(store.asked) == 2


def test_variables_of_the_shell_change_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Address and keys come from environments.toml only."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "AWS_ENDPOINT_URL"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "somebody else's")
    assert listed(store.bucket()) == KEYS
    assert "somebody else's" not in str(store.asked)
    assert {headers["host"] for _, headers in store.asked} == {store.url.removeprefix("http://")}


@pytest.mark.parametrize(
    "key", ["uploads/a.csv", "uploads/a b+c&d=e%20.csv", "uploads//ž/../x.csv", "uploads/'~*!.csv"]
)
def test_request_signature_equals_botocore(store: Store, key: str) -> None:
    """For awkward keys, as they are sent."""
    store.answer = lambda *_: (404, {}, b"")
    with contextlib.closing(store.bucket()) as bucket:
        assert bucket.open(key) is None
    path, headers = store.asked[0]
    theirs = AWSRequest(method="GET", url=store.url + path, headers={"host": headers["host"]})
    theirs.context["timestamp"] = headers["x-amz-date"]
    signer = S3SigV4Auth(Credentials("the key id", "the secret key"), "s3", "auto")
    theirs.headers["X-Amz-Date"] = headers["x-amz-date"]
    theirs.headers["X-Amz-Content-SHA256"] = headers["x-amz-content-sha256"]
    text = signer.string_to_sign(theirs, signer.canonical_request(theirs))
    assert headers["authorization"].endswith(f"Signature={signer.signature(text, theirs)}")


def test_object_that_ends_early_is_broken(store: Store) -> None:
    """Missing bytes are not compared."""
    store.answer = lambda *_: (200, {"content-length": "100", "etag": '"e"'}, b"abc")
    with contextlib.closing(store.bucket()) as bucket:
        opened = bucket.open(KEYS[0])
        assert opened is not None
        with pytest.raises(BrokenError, match="3 of 100 bytes"):
            list(opened.pieces())


def test_idle_connection_that_closed_is_replaced(store: Store) -> None:
    """The request is sent again at once and does not count as a retry."""
    store.answer = lambda _path, _query, number: None if number == 2 else (200, {}, b"abc")
    with contextlib.closing(store.bucket()) as bucket:
        for _ in range(3):
            opened = bucket.open(KEYS[0])
            assert opened is not None
            assert b"".join(opened.pieces()) == b"abc"
        assert bucket.retries == 0


def test_kill_switch_ends_a_listing(store: Store) -> None:
    """It is checked before each request."""
    count = itertools.count()

    def stop() -> None:
        if next(count) == 2:
            raise Stopped("the kill switch is on")

    with pytest.raises(Stopped):
        listed(store.bucket(stop=stop))
    assert len(store.asked) == 2

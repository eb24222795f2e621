"""Tests of boto3 sending through the suite's client: it reaches only the named bucket and writes nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, cast

import httpx
import pytest

from cutover.client.http import Answer, Client, Request
from cutover.config.environments import Bucket
from cutover.core.errors import CheckFailed, Refused
from cutover.core.secrets import Secret
from cutover.stores import ObjectStore
from cutover.stores.s3_client import S3Transport, s3_client

pytestmark = pytest.mark.unit

BUCKET = Bucket("https://account.r2.example.invalid/base", "lists", Secret("the key id"), Secret("the secret key"))
Reply = tuple[int, dict[str, str], bytes]


class FakeClient:
    """A client that answers without a network and keeps the requests."""

    def __init__(self, reply: Callable[[Request], Reply]) -> None:
        self.reply, self.requests = reply, list[Request]()

    def send(self, request: Request) -> Answer:
        """Return the reply."""
        self.requests.append(request)
        status, headers, body = self.reply(request)
        return Answer(request, "run-1", status, httpx.Headers(headers), body, 0.0)


def store_with(reply: Callable[[Request], Reply]) -> tuple[ObjectStore, FakeClient]:
    """Return a store whose requests get this reply."""
    client = FakeClient(reply)
    return ObjectStore(BUCKET, cast("Client", client)), client


def listing(text: str) -> Reply:
    """Return a page of ListObjectsV2 with this content."""
    space = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
    return 200, {"content-type": "application/xml"}, f"<ListBucketResult {space}>{text}</ListBucketResult>".encode()


@pytest.fixture
def hostile_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables that would lead boto3 elsewhere."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("AWS_PROFILE", "AWS_CONFIG_FILE", "AWS_CA_BUNDLE", "AWS_DATA_PATH", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "/another/users/value")
    monkeypatch.setenv("AWS_USE_FIPS_ENDPOINT", "true")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "9")
    monkeypatch.setenv("AWS_DEFAULTS_MODE", "auto")


@pytest.mark.usefixtures("hostile_variables")
def test_variables_of_the_shell_change_nothing() -> None:
    """Address, keys and headers come from the environment's configuration only."""
    store, client = store_with(lambda _: (404, {}, b""))
    assert store.head("uploads/a b/ü.csv") is None
    (request,) = client.requests
    assert request.url == "https://account.r2.example.invalid/base/lists/uploads/a%20b/%C3%BC.csv"
    assert set(request.headers) == {"x-amz-content-sha256", "x-amz-date", "authorization", "accept-encoding"}
    assert "Credential=the key id/" in request.headers["authorization"]
    assert "another" not in str(request)


@pytest.mark.parametrize("status", [301, 302, 307, 400, 403, 500, 503])
def test_other_status_fails_after_one_request(status: int) -> None:
    """boto3 neither follows a redirect nor retries nor asks for the bucket's region."""
    location = {"location": "https://elsewhere.example.invalid/"} if status < 400 else {}
    body = b"<Error><Code>AuthorizationHeaderMalformed</Code><Region>us-east-1</Region></Error>"
    for look in ("head", "get", "list"):
        store, client = store_with(lambda _: (status, {**location, "x-amz-bucket-region": "us-east-1"}, body))
        with pytest.raises(CheckFailed, match=f"store:{look}\n(?s:.*)status {status}"):
            list(store.list("x")) if look == "list" else getattr(store, look)("x")
        assert len(client.requests) == 1


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        ("put_object", {"Bucket": "lists", "Key": "x", "Body": b"x"}),
        ("delete_object", {"Bucket": "lists", "Key": "x"}),
        ("delete_bucket", {"Bucket": "lists"}),
        ("create_multipart_upload", {"Bucket": "lists", "Key": "x"}),
        ("list_buckets", {}),
    ],
)
def test_writing_is_refused(operation: str, arguments: dict[str, Any]) -> None:
    """Only HeadObject, GetObject and ListObjectsV2 are sent."""
    client = FakeClient(lambda _: (200, {}, b""))
    s3 = s3_client(BUCKET, S3Transport(BUCKET, cast("Client", client)))
    with pytest.raises(Refused, match="is not one of HeadObject, GetObject, ListObjectsV2"):
        getattr(s3, operation)(**arguments)
    assert client.requests == []


CONTENT = b"a,b\n1,2\n"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def stored_object(request: Request, *, removal: int) -> Reply:
    """Answer as a bucket with one object. removal: status of DeleteObject."""
    if request.method == "DELETE":
        return removal, {}, b""
    last = len(CONTENT) - 1
    return 206, {"content-range": f"bytes 0-{last}/{len(CONTENT)}", "etag": '"x"'}, CONTENT


@pytest.mark.parametrize(("status", "removed"), [(204, True), (200, True), (403, False)])
def test_own_object_is_removed(status: int, removed: bool) -> None:
    """One DELETE is sent for the key, and keys that may only read are no error."""
    store, client = store_with(lambda request: stored_object(request, removal=status))
    assert store.remove_own("uploads/user-1/ü 1.csv", SHA256) is removed
    (request,) = [each for each in client.requests if each.method == "DELETE"]
    assert request.url == "https://account.r2.example.invalid/base/lists/uploads/user-1/%C3%BC%201.csv"


def test_object_of_another_is_not_removed() -> None:
    """An object with other bytes than the check uploaded is not its own: nothing is sent but the reads."""
    store, client = store_with(lambda request: stored_object(request, removal=204))
    with pytest.raises(Refused, match="not those that the check uploaded"):
        store.remove_own("uploads/user-1/1.csv", hashlib.sha256(b"other").hexdigest())
    assert {each.method for each in client.requests} == {"GET"}


def test_missing_object_is_not_removed() -> None:
    """An object that does not exist is not the one that the check uploaded."""
    store, client = store_with(lambda _: (404, {}, b""))
    with pytest.raises(Refused):
        store.remove_own("uploads/user-1/1.csv", SHA256)
    assert {each.method for each in client.requests} == {"GET"}


def test_removal_permits_no_other_key() -> None:
    """While one key may be removed, DeleteObject for another key is refused, and afterwards for this one, too."""
    client = FakeClient(lambda request: stored_object(request, removal=204))
    transport = S3Transport(BUCKET, cast("Client", client))
    transport.removable = "uploads/user-1/1.csv"
    s3 = s3_client(BUCKET, transport)
    for key in ("uploads/user-1/2.csv", "1.csv", "uploads/user-11/1.csv"):
        with pytest.raises(Refused):
            s3.delete_object(Bucket="lists", Key=key)
    assert client.requests == []


@pytest.mark.parametrize(
    "text",
    [
        "<IsTruncated>true</IsTruncated>",  # boto3 takes this for the end
        "",
        "<Contents><Key>a</Key></Contents><IsTruncated>false</IsTruncated>",
        "<Contents><Key>a</Key><Size>many</Size></Contents><IsTruncated>false</IsTruncated>",
        "<IsTruncated>true</IsTruncated><NextContinuationToken>same</NextContinuationToken>",
    ],
)
def test_page_that_may_be_incomplete_is_no_listing(text: str) -> None:
    """A page without a required element, or that leads to itself."""
    store, _ = store_with(lambda _: listing(text))
    with pytest.raises(CheckFailed, match="store:list"):
        list(store.list("x"))


@pytest.mark.parametrize("body", [b"", b"<html><body>Welcome</body></html>", b"<ListBucketResult><Cont"])
def test_body_that_is_no_page_is_no_listing(body: bytes) -> None:
    """A portal's page is not an empty bucket."""
    store, _ = store_with(lambda _: (200, {}, body))
    with pytest.raises(CheckFailed, match="store:list"):
        list(store.list("x"))


def test_head_without_content_length_fails() -> None:
    """A size that the store does not state is unknown."""
    for headers in ({}, {"content-length": "many"}):
        store, _ = store_with(lambda _, headers=headers: (200, headers, b""))  # type: ignore[misc]
        with pytest.raises(CheckFailed, match="store:head"):
            store.head("x")


def test_store_without_range_requests_is_read_whole() -> None:
    """Status 200 instead of 206 is the whole object."""
    store, client = store_with(
        lambda _: (200, {"content-length": "3", "etag": '"e"', "x-amz-meta-UserId": "7"}, b"abc")
    )
    found = store.get("x")
    assert found is not None
    assert (found.size, found.etag, found.metadata) == (3, "e", {"userid": "7"})
    assert len(client.requests) == 1

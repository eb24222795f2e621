"""boto3's S3 client, which sends every request through the suite's HTTP client.

boto3 builds requests and parses responses. It does not sign, connect, retry or follow redirects: the suite's client
(client/http.py) enforces allowed hosts, request budget and kill switch, verifies TLS and writes the evidence. No
environment variable or AWS configuration file is read.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import unquote, urlsplit

from cutover.client.http import Answer, Client, Request
from cutover.core.errors import CheckFailed, Refused
from cutover.stores.s3_signature import CHECK_KEYS, REGION, S3Signer, host_header

if TYPE_CHECKING:
    from collections.abc import Callable

    from botocore.awsrequest import AWSPreparedRequest, AWSResponse
    from types_boto3_s3 import S3Client

    from cutover.config.environments import Bucket

_OPERATIONS: Final = {"HeadObject": "head_object", "GetObject": "get_object", "ListObjectsV2": "list_objects"}
"""The only operations that are sent. None of them writes."""

_REMOVAL: Final = "DeleteObject"
"""Sent only for the one object that `S3Transport.removable` names."""

_FINDINGS: Final = {"HeadObject": "head", "GetObject": "get", "ListObjectsV2": "list", _REMOVAL: "remove"}
_STATUSES: Final = {
    "HeadObject": (200, 404),
    # 416: the object is empty, so it has no byte range. 412: If-Match does not match.
    "GetObject": (200, 206, 404, 412, 416),
    "ListObjectsV2": (200,),
    _REMOVAL: (200, 204, 403),  # 403: the keys may only read
}
_FORWARDED: Final = ("range", "if-match")
"""The headers of boto3 that are sent. The others describe boto3 itself."""


class S3Transport:
    """Sends the requests of a boto3 client. Not safe for threads, because the suite's client is not."""

    def __init__(self, bucket: Bucket, client: Client) -> None:
        self._client, self._signer = client, S3Signer(bucket)
        self.last_answer: Answer | None = None
        self.removable: str | None = None
        """The key of the one object that DeleteObject may remove; None for no object."""

    def __call__(self, request: AWSPreparedRequest, event_name: str, **_: Any) -> AWSResponse:
        """Send a prepared request; the handler of botocore's event `before-send.s3`.

        Raises Refused for other operations than reading objects and removing the one that `removable` names,
        CheckFailed for a status that none of them may have, and what Client.send raises.
        """
        from botocore.awsrequest import AWSResponse
        from botocore.compat import HTTPHeaders

        operation = event_name.rpartition(".")[2]
        parts = urlsplit(request.url)
        removes = operation == _REMOVAL and self.removable is not None
        if operation not in _OPERATIONS and not (removes and unquote(parts.path).endswith(f"/{self.removable}")):
            raise Refused(f"request refused: {operation} is not one of {', '.join(_OPERATIONS)}")
        query = "&".join(sorted(parts.query.split("&"))) if parts.query else ""
        wanted = {name.lower(): _text(value) for name, value in request.headers.items()}
        headers = self._signer.headers(
            request.method, host_header(parts), parts.path, query, {n: wanted[n] for n in _FORWARDED if n in wanted}
        )
        del headers["host"]  # the HTTP client sends it
        # Compared are the bytes as they are stored. Not signed, because proxies may change it.
        headers["accept-encoding"] = "identity"
        url = f"{parts.scheme}://{parts.netloc}{parts.path}" + (f"?{query}" if query else "")
        answer = self._client.send(
            Request("r2", _OPERATIONS.get(operation, "remove_object"), request.method, url, headers)
        )
        self.last_answer = answer
        if answer.status not in _STATUSES[operation]:
            location = answer.headers.get("location")
            redirect = f", redirect to {location!r}, which is not followed" if location else ""
            allowed = " or ".join(map(str, _STATUSES[operation]))
            raise CheckFailed(
                f"store:{_FINDINGS[operation]}", expected=f"status {allowed} from the bucket",
                got=f"status {answer.status}{redirect}", source=answer.source, do_next=CHECK_KEYS,
            )  # fmt: skip
        return AWSResponse(request.url, answer.status, HTTPHeaders.from_dict(dict(answer.headers)), _Body(answer.body))


class _Body(io.BytesIO):
    """A body as botocore reads it from urllib3."""

    def stream(self, amt: int = 65_536, **_: Any) -> Iterator[bytes]:
        """Yield the body in pieces of at most amt bytes."""
        while piece := self.read(amt):
            yield piece


def s3_client(bucket: Bucket, transport: S3Transport) -> S3Client:
    """Return a boto3 client for one bucket.

    Imports boto3, which takes about 0.3 s; only checks that read objects pay for it.
    """
    import boto3
    from botocore import UNSIGNED
    from botocore.config import Config
    from botocore.session import Session

    # Every variable without its environment variable and configuration key, so that only its default remains.
    variables = {
        name: (None, None, os.devnull if name in ("config_file", "credentials_file") else default, conversion)
        for name, (_, _, default, conversion) in Session.SESSION_VARIABLES.items()
    }
    config = Config(
        signature_version=UNSIGNED,  # S3Transport signs
        s3={"addressing_style": "path", "us_east_1_regional_endpoint": "regional"},
        retries={"total_max_attempts": 1, "mode": "standard"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        proxies={},
        use_fips_endpoint=False,
        use_dualstack_endpoint=False,
    )
    session = boto3.session.Session(botocore_session=Session(session_vars=variables))
    client: S3Client = session.client("s3", endpoint_url=bucket.endpoint, region_name=REGION, config=config)
    client.meta.events.register("before-send.s3", cast("Callable[..., None]", transport))  # the stub allows no result
    return client


def _text(value: str | bytes) -> str:
    return value.decode("ascii") if isinstance(value, bytes) else value

"""AWS Signature Version 4 of S3 requests without a body: the one place that signs.

https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
botocore's signer gives the same signature (a test compares them) but needs seven times the CPU
(docs/adr/0013-one-s3-client.md).
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, urlsplit

if TYPE_CHECKING:
    from cutover.config.environments import Bucket

REGION: Final = "auto"
"""R2's region: https://developers.cloudflare.com/r2/api/s3/api/"""

CHECK_KEYS: Final = "are the keys in [secrets] valid for this bucket, and is [r2] its endpoint?"
"""The next step if the bucket refuses a request."""

_EMPTY_BODY: Final = hashlib.sha256(b"").hexdigest()
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


class S3Signer:
    """A signer with the keys of one bucket. Safe for threads."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._key_of_day: tuple[str, bytes] = ("", b"")

    def headers(
        self, method: str, host: str, path: str, query: str = "", headers: Mapping[str, str] | None = None
    ) -> dict[str, str]:
        """Return the headers of a signed request: `headers` and those that the signature needs, by lower-case name.

        host: value of the Host header. path, query: percent-encoded as they are sent; the query sorted by name.
        headers: further headers to sign, by lower-case name.
        """
        now = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
        scope = f"{now[:8]}/{REGION}/s3/aws4_request"
        signed = {"host": host, "x-amz-content-sha256": _EMPTY_BODY, "x-amz-date": now}
        if headers:
            signed = dict(sorted({**headers, **signed}.items()))
        names = ";".join(signed)
        lines = "\n".join(f"{name}:{value}" for name, value in signed.items())
        canonical = f"{method}\n{path}\n{query}\n{lines}\n\n{names}\n{_EMPTY_BODY}"
        text = f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        signature = hmac.digest(self._key(now[:8]), text.encode(), "sha256").hex()
        signed["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={self._bucket.access_key_id.reveal()}/{scope}, "
            f"SignedHeaders={names}, Signature={signature}"
        )
        return signed

    def _key(self, day: str) -> bytes:
        kept = self._key_of_day
        if kept[0] != day:
            key = b"AWS4" + self._bucket.secret_access_key.reveal().encode()
            for part in (day, REGION, "s3", "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            kept = self._key_of_day = (day, key)
        return kept[1]


def host_header(url: str | SplitResult) -> str:
    """Return the Host header of a URL: its host, and its port unless it is the scheme's default (RFC 9110 4.2)."""
    parts = urlsplit(url) if isinstance(url, str) else url
    host = parts.netloc.rpartition("@")[2]
    default = _DEFAULT_PORTS.get(parts.scheme)
    return host.removesuffix(f":{default}") if parts.port == default else host

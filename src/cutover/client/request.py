"""The request that the HTTP client sends, and the answer that it returns."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from cutover.core.errors import CheckFailed
from cutover.core.secrets import redact

if TYPE_CHECKING:
    import httpx

SAFE_METHODS: Final = ("GET", "HEAD", "OPTIONS")
"""The methods that do not write (RFC 9110 9.2.1), as far as the contract has them."""

LARGEST_ANSWER: Final = 112 * 1024 * 1024
"""Bytes of a file's download: more than twice the plan's largest upload, 50 MiB."""
LARGEST_DOCUMENT: Final = 32 * 1024 * 1024
"""Bytes of a JSON answer: a list of 100,000 files has about 20 MB."""

_EXCERPT: Final = 200
_REDACTED: Final = 65_536


@dataclass(frozen=True)
class Request:
    """One request. parts: multipart form field -> (file name, bytes, media type).

    expects_429: the check sends a burst on purpose, so the request budget does not delay it and a 429 is returned like
    any other answer. plain_probe: the request may use plain http, because it contains no secret. http2: offer HTTP/2
    in the TLS handshake (ALPN, RFC 7301). of_name: the URL is another of the environment's names, and the check itself
    decides whether the right system and version answered. max_bytes: limit of the decoded body of the answer.
    """

    system: str
    operation: str
    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    json: Any = None
    content: bytes | None = None
    parts: Mapping[str, tuple[str, bytes, str]] | None = None
    timeout_s: float | None = None
    expects_429: bool = False
    plain_probe: bool = False
    http2: bool = False
    of_name: bool = False
    max_bytes: int = LARGEST_ANSWER


@dataclass(frozen=True)
class Answer:
    """The response to a request.

    elapsed_s: seconds from the first byte sent to the last byte received. version: of the system, by its version
    header. protocol: "HTTP/1.1" or "HTTP/2".
    """

    request: Request
    request_id: str
    status: int
    headers: httpx.Headers
    body: bytes
    elapsed_s: float
    version: str | None = None
    show_values: bool = False
    protocol: str = "HTTP/1.1"

    @property
    def source(self) -> str:
        """Return the system, method, URL without its query, request id and version, for messages."""
        version = f", version {self.version}" if self.version else ""
        url = self.request.url.partition("?")[0]
        return f"{self.request.system} {self.request.method} {url} (request {self.request_id}{version})"

    @property
    def excerpt(self) -> str:
        """Return the status, media type, length and a redacted part of the body, on one line.

        Of an error: the first 200 characters. A success contains users' data: of JSON only keys and types are
        included, of other media types nothing, unless the run has --show-values.
        """
        media = self.headers.get("content-type", "no content type")
        summary = f"status {self.status}, {media}, {len(self.body)} bytes"
        if self.show_values or self.status >= 400:
            # Redact before cutting: half a secret would not be recognised.
            text = redact(self.body[:_REDACTED].decode("utf-8", "replace"))
            return f"{summary}: {' '.join(text.split())[:_EXCERPT]!r}"
        try:
            return f"{summary}: {_shape(json.loads(self.body))}"
        except ValueError:
            return summary

    @cached_property
    def json(self) -> Any:
        """Return the body as JSON. Raises CheckFailed if it is not JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            raise CheckFailed(
                f"no-json:{self.request.operation}", expected="a JSON body", got=self.excerpt, source=self.source
            ) from None


def _shape(value: Any, depth: int = 3) -> str:
    """Return the shape of a JSON value without its values: keys, types, lengths of lists."""
    if isinstance(value, dict):
        if depth == 0:
            return "{…}"
        items = [f"{redact(key)[:40]}: {_shape(inner, depth - 1)}" for key, inner in list(value.items())[:12]]
        return "{" + ", ".join(items) + (", …}" if len(value) > 12 else "}")
    if isinstance(value, list):
        return f"[{len(value)} of {_shape(value[0], depth - 1)}]" if value and depth else f"[{len(value)}]"
    return "null" if value is None else type(value).__name__

"""http.client's response with its header lines split here: the parser of e-mails, which it would use, is a quarter of
what reading a small object costs. Everything else, the body among it, is http.client's.

Not for what an answer means: bucket.py.
"""

from __future__ import annotations

import http
import http.client
from typing import Final

_LONGEST: Final = 65_536
_MOST: Final = 100
"""http.client's own limits for a line and for the number of header lines."""


class PlainResponse(http.client.HTTPResponse):
    """The answer to a GET, for HTTPConnection.response_class."""

    def begin(self) -> None:
        """Read status and header lines. Raises HTTPException for what is no HTTP/1, a folded line included: RFC 9112
        5.2 lets servers send none."""
        if getattr(self, "headers", None) is not None:
            return  # called a second time
        while True:
            version, status, reason = self._read_status()  # type: ignore[attr-defined]  # typeshed leaves it out
            headers = self._head()
            if status != http.HTTPStatus.CONTINUE:
                break
        if not version.startswith("HTTP/1."):
            raise http.client.UnknownProtocol(version)
        self.code = self.status = status
        self.reason = reason.strip()
        self.version = 10 if version == "HTTP/1.0" else 11
        self.headers = self.msg = headers
        # Where the body ends: RFC 9112 6.3.
        self.chunked = (headers.get("transfer-encoding") or "").lower() == "chunked"
        self.chunk_left = None
        self.will_close = self._check_close()  # type: ignore[attr-defined]  # typeshed leaves it out
        length = headers.get("content-length") or ""
        self.length = int(length) if length.isdecimal() and not self.chunked else None
        if status in (204, 304) or 100 <= status < 200:
            self.length = 0
        if not self.will_close and not self.chunked and self.length is None:
            self.will_close = True

    def _head(self) -> http.client.HTTPMessage:
        headers = http.client.HTTPMessage()
        for _ in range(_MOST + 1):
            line = self.fp.readline(_LONGEST + 1)
            if len(line) > _LONGEST:
                raise http.client.LineTooLong("header line")
            if line in (b"\r\n", b"\n", b""):
                return headers
            name, colon, value = line.decode("iso-8859-1").partition(":")
            if not colon or not name or name != name.strip():
                raise http.client.HTTPException("a header line that is none")
            headers.set_raw(name, value.strip())
        raise http.client.HTTPException(f"got more than {_MOST} headers")

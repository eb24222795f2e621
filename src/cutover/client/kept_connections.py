"""Detect servers that send more bytes than an answer has, on connections that are kept open for the next request."""

from __future__ import annotations

import select
import socket
import ssl
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from cutover.client.request import Request
from cutover.core.secrets import redact

if TYPE_CHECKING:
    import httpx


class KeptConnections:
    """The last connection to each system and address, with a description of the request that used it last."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], tuple[socket.socket, str]] = {}

    def surplus(self, request: Request) -> str | None:
        """Return a note if bytes arrived after the last answer on this request's idle connection, else None.

        httpcore drops such a connection silently and opens another one, so only this note names the server's fault.
        TLS connections are not examined: session tickets arrive on them at any time.
        """
        kept = self._kept.get(_key(request))
        if kept is None:
            return None
        idle, before = kept
        try:
            if not select.select([idle], [], [], 0)[0]:
                return None
            surplus = idle.recv(64, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except (OSError, ValueError):
            surplus = b""
        del self._kept[_key(request)]
        if not surplus:
            return None
        return (
            f"broken keep-alive: {len(surplus)} or more bytes after the answer to {before}, "
            f"beginning with {redact(repr(surplus[:20]))}; a new connection is used"
        )

    def remember(self, request: Request, response: httpx.Response) -> None:
        """Remember the connection of this response, if it is a plain one that stays open."""
        stream = response.extensions.get("network_stream")
        raw = stream.get_extra_info("socket") if stream is not None else None
        if isinstance(raw, socket.socket) and not isinstance(raw, ssl.SSLSocket) and raw.fileno() >= 0:
            before = f"{request.method} {urlsplit(request.url).path} ({response.status_code})"
            self._kept[_key(request)] = (raw, before)

    def forget(self, request: Request) -> str | None:
        """Forget this request's connection and return the request that used it before, None if there is none."""
        kept = self._kept.pop(_key(request), None)
        return kept[1] if kept else None


def base_url(url: str) -> str:
    """Return the scheme, host and port of a URL as it has them."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _key(request: Request) -> tuple[str, str]:
    return request.system, base_url(request.url)

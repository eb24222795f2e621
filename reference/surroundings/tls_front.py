"""A TLS front on loopback: forwards https to a server with plain http, and http to the same server as plain http.

The header MF-Original-URL gives the Worker the URL that the visitor used, so the Worker itself redirects from http.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_HEAD_LIMIT = 65_536
_BLOCK = 65_536


@dataclass
class TlsFront:
    """The content of the front.

    versions: lowest and highest TLS version, "TLSv1", "TLSv1_1", "TLSv1_2" or "TLSv1_3". drop_headers: response headers
    that it removes; add_headers: that it sets. redirect: None if the Worker redirects, else the status and a function
    of host and path that returns the Location. serves_http: False if nothing listens for http. addresses: of loopback,
    on which it listens with the same ports. https_port, http_port: set when it is started.
    """

    upstream: str
    versions: tuple[str, str] = ("TLSv1_2", "TLSv1_3")
    drop_headers: frozenset[str] = frozenset()
    add_headers: Mapping[str, str] = field(default_factory=dict)
    redirect: tuple[int, Callable[[str, str], str]] | None = None
    serves_http: bool = True
    addresses: tuple[str, ...] = ("127.0.0.1",)
    https_port: int = 0
    http_port: int = 0


class FrontListener:
    """The front's listeners. certificate: file with the key and the certificates, by host name; "" is the default."""

    def __init__(self, front: TlsFront, certificates: Mapping[str, str]) -> None:
        self._front, self._servers = front, list[asyncio.Server]()
        self._contexts = {host: _context(file, front.versions) for host, file in certificates.items()}
        self._running: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen on free ports."""
        default = self._contexts.get("") or next(iter(self._contexts.values()))
        default.sni_callback = self._choose
        self._front.https_port = await self._listen("https", default)
        self._front.http_port = await self._listen("http", None)

    async def _listen(self, scheme: str, context: ssl.SSLContext | None) -> int:
        """Listen on one free port of all addresses and return it. Nothing answers there if http is not served."""
        port = 0
        for address in self._front.addresses:
            server = await asyncio.start_server(self._served(scheme), address, port, ssl=context, backlog=256)
            port = server.sockets[0].getsockname()[1]
            self._servers.append(server)
            if scheme == "http" and not self._front.serves_http:
                server.close()
        return port

    async def stop(self) -> None:
        """Stop listening and end what is running."""
        for server in self._servers:
            server.close()
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def _choose(self, connection: ssl.SSLObject, host: str | None, _context: ssl.SSLContext) -> None:
        if host in self._contexts:
            connection.context = self._contexts[host]

    def _served(self, scheme: str) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], None]:
        def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.get_running_loop().create_task(self._serve(scheme, reader, writer))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

        return serve

    async def _serve(self, scheme: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError, ValueError):
                await self._exchange(scheme, reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(OSError, ssl.SSLError):
                await writer.wait_closed()

    async def _exchange(self, scheme: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Forward one request and its response. Each connection has one."""
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head[:-4].decode("latin-1").split("\r\n")
        method, path, _ = first.split(" ", 2)
        headers = [(name.strip().lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
        host = dict(headers).get("host", "")
        if scheme == "http" and self._front.redirect is not None:
            status, location = self._front.redirect
            writer.write(f"HTTP/1.1 {status} Redirect\r\nLocation: {location(host, path)}\r\n".encode("latin-1"))
            writer.write(b"Content-Length: 0\r\nConnection: close\r\n\r\n")
            await writer.drain()
            return
        to = urlsplit(self._front.upstream)
        up_reader, up_writer = await asyncio.open_connection(to.hostname, to.port)
        try:
            kept = [(name, value) for name, value in headers if name not in ("connection", "mf-original-url")]
            kept += [("connection", "close"), ("mf-original-url", f"{scheme}://{host}{path}")]
            text = "".join(f"{name}: {value}\r\n" for name, value in kept)
            up_writer.write(f"{method} {path} HTTP/1.1\r\n{text}\r\n".encode("latin-1"))
            if (length := int(dict(headers).get("content-length", "0"))) > 0:
                up_writer.write(await reader.readexactly(length))
            await up_writer.drain()
            writer.write(self._changed(await up_reader.readuntil(b"\r\n\r\n")))
            while part := await up_reader.read(_BLOCK):
                writer.write(part)
                await writer.drain()
        finally:
            up_writer.close()

    def _changed(self, head: bytes) -> bytes:
        """Return the head of the response with the front's changes."""
        first, *lines = head[:-4].decode("latin-1").split("\r\n")
        changed = self._front.drop_headers | self._front.add_headers.keys()
        kept = [line for line in lines if line.partition(":")[0].strip().lower() not in changed]
        kept += [f"{name}: {value}" for name, value in self._front.add_headers.items()]
        return ("\r\n".join([first, *kept]) + "\r\n\r\n").encode("latin-1")


def _context(file: str, versions: tuple[str, str]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    lowest, highest = (ssl.TLSVersion[version] for version in versions)
    if lowest < ssl.TLSVersion.TLSv1_2:
        context.set_ciphers("DEFAULT@SECLEVEL=0")  # OpenSSL 3 has no older version otherwise
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of the old versions
        context.minimum_version, context.maximum_version = lowest, highest
    return context

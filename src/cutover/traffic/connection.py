"""A non-blocking connection of the load engine, watched by gevent's hub, with at most one request at a time."""

from __future__ import annotations

import errno
import socket
import ssl
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import gevent.monkey
import gevent.socket

from cutover.traffic.wire import Parser, Response, WireError

_socket: Final = gevent.monkey.get_original("socket", "socket")
"""The interpreter's own socket: gevent's socket would watch each descriptor a second time."""

READ: Final = 1
WRITE: Final = 2
_READ_SIZE: Final = 32_768
"""Bytes per read. A larger buffer would be mapped and unmapped for each response, which costs more."""

CLOSED_WHILE_IDLE: Final = "closed while idle"
"""The close of a kept connection crossed the next request, which never reached the system (`_crossed`)."""

_ACKED_AT: Final = 120  # of tcpi_bytes_acked in struct tcp_info (linux/tcp.h)


@dataclass
class Peer:
    """The address of a system. family, address: the latest result of `resolve`."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None
    family: int = 0
    address: Any = None

    def resolve(self) -> None:
        """Look the host up again, so that later connections follow a switch by DNS. Raises OSError."""
        found = gevent.socket.getaddrinfo(self.host, self.port, type=gevent.socket.SOCK_STREAM)
        # IPv4 first, as on most runners; a name that has only IPv6 still works.
        family, _, _, _, address = min(found, key=lambda row: row[0] != gevent.socket.AF_INET)
        self.family, self.address = family, address


class Connection:
    """A connection that opens when it is created. It reports responses and failures to its owner, also while idle."""

    __slots__ = (
        "_answered", "_before", "_events", "_failed", "_incoming", "_loop", "_out", "_outgoing", "_parser", "_plain",
        "_socket", "_state", "_tls", "_watcher", "_wrote", "exchange", "idle_proof", "idle_since_ns", "served",
    )  # fmt: skip

    def __init__(
        self,
        loop: Any,
        peer: Peer,
        answered: Callable[[Connection, Response], None],
        failed: Callable[[Connection, str], None],
    ) -> None:
        """answered, failed: called in the hub; failed gets a text that is the same for each failure of its kind."""
        self._loop, self._answered, self._failed = loop, answered, failed
        self._parser: Parser | None = None
        self._plain = b""  # the request, until it may be sent
        self._out = b""  # bytes for the socket
        self._wrote = self._before = 0  # bytes given to the socket: all, and those before this request
        self._events = 0
        self._watcher: Any = None
        self._tls: ssl.SSLObject | None = None
        self.exchange: Any = None  # the owner's object for the request in flight
        self.served = 0
        self.idle_since_ns = 0  # set by the owner
        self.idle_proof = ""  # why a request that was closed while idle never reached the peer
        self._state = "connecting"
        self._socket: Any = _socket(peer.family, gevent.socket.SOCK_STREAM)
        self._socket.setblocking(False)
        self._socket.setsockopt(gevent.socket.IPPROTO_TCP, gevent.socket.TCP_NODELAY, 1)
        if peer.tls is not None:
            self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            self._tls = peer.tls.wrap_bio(self._incoming, self._outgoing, server_hostname=peer.host)
        code = self._socket.connect_ex(peer.address)
        if code not in (0, errno.EINPROGRESS):
            # Called from the hub, because the owner does not have this connection yet.
            loop.run_callback(self._fail, _error_text(code))
            return
        self._watch(WRITE)

    @property
    def idle(self) -> bool:
        """Return True if the connection is open and has no request in flight."""
        return self._state == "open" and self._parser is None

    @property
    def closed_by_peer(self) -> bool:
        """Return True if the peer has closed the connection or sent unrequested bytes that the hub has not read yet.

        A client does not send another request over it (RFC 9112, 9.5). Only the hub reads TLS records.
        """
        try:
            return not self._socket.recv(1, socket.MSG_PEEK) or self._tls is None
        except BlockingIOError:
            return False
        except OSError:
            return True

    def send(self, data: bytes, *, head_only: bool = False) -> None:
        """Send a request as soon as the connection is established."""
        self._parser = Parser(head_only=head_only)
        self._plain = data
        self._before = self._wrote
        if self._state == "open":
            self._write()

    def close(self) -> None:
        """Close the connection without calling the owner."""
        if self._state != "closed":
            self._state = "closed"
            if self._watcher is not None:
                self._watcher.close()
                self._watcher = None
            self._socket.close()

    # --- in the hub ------------------------------------------------------------------------------

    def _watch(self, events: int) -> None:
        if events == self._events:
            return
        if self._watcher is not None:
            self._watcher.close()
        self._events = events
        self._watcher = self._loop.io(self._socket.fileno(), events)
        self._watcher.start(self._ready, pass_events=True)

    def _ready(self, events: int) -> None:
        if self._state == "connecting":
            code = self._socket.getsockopt(gevent.socket.SOL_SOCKET, gevent.socket.SO_ERROR)
            if code:
                self._fail(_error_text(code))
                return
            self._state = "open" if self._tls is None else "handshake"
            self._watch(READ)
            if self._tls is not None:
                self._handshake()
            else:
                self._write()
            return
        if events & READ:
            self._read()
        if events & WRITE and self._state != "closed":
            self._flush()

    def _handshake(self) -> None:
        assert self._tls is not None
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
            return
        except ssl.SSLCertVerificationError:
            self._fail("certificate not accepted")
            return
        except (ssl.SSLError, OSError):
            self._fail("TLS failed")
            return
        self._state = "open"
        self._write()

    def _write(self) -> None:
        """Send the owner's request."""
        data, self._plain = self._plain, b""
        if self._tls is None:
            self._out = data
        elif data:
            self._tls.write(data)
        self._flush()

    def _flush(self) -> None:
        if self._tls is not None:
            self._out += self._outgoing.read()
        if self._out:
            try:
                sent = self._socket.send(self._out)
            except BlockingIOError:
                sent = 0
            except OSError as error:
                unsent = self.served > 0 and self._parser is not None and self._wrote == self._before
                self.idle_proof = f"no byte was sent: {_error_text(error.errno)}"
                self._fail(CLOSED_WHILE_IDLE if unsent else _error_text(error.errno))
                return
            self._wrote += sent
            self._out = self._out[sent:] if sent < len(self._out) else b""
        self._watch(READ | WRITE if self._out else READ)

    def _read(self) -> None:
        try:
            data = self._socket.recv(_READ_SIZE)
        except BlockingIOError:
            return
        except OSError as error:
            begun = self._parser is not None and self._parser.started
            self._fail(f"truncated: {_error_text(error.errno)}" if begun else _error_text(error.errno))
            return
        if self._tls is not None:
            data = self._decrypted(data)
            if data is None or self._state == "closed":
                return
        if not data:
            self._ended()
            return
        self._take(data)

    def _take(self, data: bytes) -> None:
        if self._parser is None:
            self._fail("unrequested bytes")
            return
        try:
            response = self._parser.feed(data)
        except WireError as error:
            self._fail(str(error))
            return
        if response is not None:
            self._done(response)

    def _decrypted(self, data: bytes) -> Any:
        """Return the decrypted bytes; None if there are none yet, b"" if the peer has closed the connection."""
        assert self._tls is not None
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()
        if self._state == "handshake":
            if not data:
                self._fail("closed during the TLS handshake")
            else:
                self._handshake()
            if self._state != "open":
                return None
        pieces = []
        try:
            while piece := self._tls.read(_READ_SIZE):
                pieces.append(piece)
        except ssl.SSLWantReadError:
            self._flush()  # TLS 1.3 may have to respond to a new session ticket
            return b"".join(pieces) or None
        except (ssl.SSLError, OSError):
            pass
        return b"".join(pieces)

    def _ended(self) -> None:
        if self._parser is None:
            self._fail(CLOSED_WHILE_IDLE)
            return
        try:
            response = self._parser.end()
        except WireError as error:
            kept = self.served > 0 and not self._parser.started
            self._fail(CLOSED_WHILE_IDLE if kept and self._crossed() else str(error))
            return
        self._done(response)

    def _crossed(self) -> bool:
        """Return True if it is proven that the peer closed the connection before any of the request reached it.

        Called when the peer's FIN was received. A FIN acknowledges everything that was received before it was sent
        (RFC 9293, 3.10.4), so a FIN that acknowledges nothing of the request was sent before the request arrived. A
        reset proves nothing: a system that read the whole request can send it too, and it acknowledges nothing.
        """
        if sys.platform != "linux":
            return False
        try:
            info = self._socket.getsockopt(gevent.socket.IPPROTO_TCP, socket.TCP_INFO, _ACKED_AT + 8)
        except OSError:
            return False
        if len(info) < _ACKED_AT + 8:
            return False
        acked = int.from_bytes(info[_ACKED_AT:], sys.byteorder)
        self.idle_proof = f"the FIN acknowledged {max(0, acked - 1)} bytes, all of earlier requests ({self._before})"
        return acked <= self._before + 1  # the SYN counts as one

    def _done(self, response: Response) -> None:
        self._parser = None
        self.served += 1
        if not response.reusable:
            self.close()
        self._answered(self, response)

    def _fail(self, reason: str) -> None:
        if self._state != "closed":
            self.close()
            self._failed(self, reason)


NO_PORT: Final = "no free local port on this machine"
NO_DESCRIPTOR: Final = "too many open files on this machine"
LOCAL_FAILURES: Final = (NO_PORT, NO_DESCRIPTOR)
"""Failures of this machine. They are no evidence about the system, because no request was sent."""

_ERROR_TEXTS: Final = {
    errno.ECONNREFUSED: "connection refused",
    errno.ECONNRESET: "connection reset",
    errno.EPIPE: "connection reset",
    errno.ETIMEDOUT: "connecting timed out",
    errno.EHOSTUNREACH: "host unreachable",
    errno.ENETUNREACH: "network unreachable",
    errno.EMFILE: NO_DESCRIPTOR,
    errno.EADDRNOTAVAIL: NO_PORT,
}


def _error_text(code: int | None) -> str:
    return _ERROR_TEXTS.get(code or 0) or errno.errorcode.get(code or 0, "connection failed")

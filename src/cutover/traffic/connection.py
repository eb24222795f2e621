"""One connection of the load engine: never blocks, is watched by gevent's hub, and has at most one request on the way.

Not for which request goes where: engine.py; nor for HTTP's grammar: wire.py.
"""

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
"""The interpreter's own socket: gevent's would watch each descriptor a second time."""

READ: Final = 1
WRITE: Final = 2
_PIECE: Final = 32_768
"""Bytes to read at once. A larger buffer would be mapped and unmapped for each answer, which costs more than that."""

CLOSED_WHILE_IDLE: Final = "closed while idle"
"""A kept connection's end crossed the next request on the way: it never reached the system (`_crossed`)."""

_ACKED_AT: Final = 120  # of tcpi_bytes_acked in struct tcp_info (linux/tcp.h)


@dataclass
class Peer:
    """A system as the engine reaches it. family, address: what `resolve` found last."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None
    family: int = 0
    address: Any = None

    def resolve(self) -> None:
        """Look the host up anew: a switch by DNS is seen by connections made afterwards. Raises OSError."""
        found = gevent.socket.getaddrinfo(self.host, self.port, type=gevent.socket.SOCK_STREAM)
        # IPv4 first, as on most runners; a name with IPv6 alone still works.
        family, _, _, _, address = min(found, key=lambda row: row[0] != gevent.socket.AF_INET)
        self.family, self.address = family, address


class Connection:
    """Opens when it is made. Tells its owner of each answer, each failure, and of its end while it was idle."""

    __slots__ = (
        "_answered", "_before", "_events", "_failed", "_incoming", "_loop", "_out", "_outgoing", "_parser", "_plain",
        "_socket", "_state", "_tls", "_watcher", "_wrote", "exchange", "idle_since_ns", "served",
    )  # fmt: skip

    def __init__(
        self,
        loop: Any,
        peer: Peer,
        answered: Callable[[Connection, Response], None],
        failed: Callable[[Connection, str], None],
    ) -> None:
        """answered, failed: called in the hub; failed gets words that do not change from failure to failure."""
        self._loop, self._answered, self._failed = loop, answered, failed
        self._parser: Parser | None = None
        self._plain = b""  # the request, until it may be sent
        self._out = b""  # bytes for the socket
        self._wrote = self._before = 0  # bytes given to the socket, in all and before this request
        self._events = 0
        self._watcher: Any = None
        self._tls: ssl.SSLObject | None = None
        self.exchange: Any = None  # the owner's, of the request that is on the way
        self.served = 0
        self.idle_since_ns = 0  # the owner's, too
        self._state = "connecting"
        self._socket: Any = _socket(peer.family, gevent.socket.SOCK_STREAM)
        self._socket.setblocking(False)
        self._socket.setsockopt(gevent.socket.IPPROTO_TCP, gevent.socket.TCP_NODELAY, 1)
        if peer.tls is not None:
            self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            self._tls = peer.tls.wrap_bio(self._incoming, self._outgoing, server_hostname=peer.host)
        code = self._socket.connect_ex(peer.address)
        if code not in (0, errno.EINPROGRESS):
            # Told from the hub and not from here: the owner does not know this connection yet.
            loop.run_callback(self._fail, _word(code))
            return
        self._watch(WRITE)

    @property
    def idle(self) -> bool:
        """Open, and with no request on the way."""
        return self._state == "open" and self._parser is None

    @property
    def ended(self) -> bool:
        """Whether the other side's end, or bytes that nobody asked for, are here already, unseen by the hub.

        A client that looks sends nothing more over it (RFC 9112, 9.5). Of TLS the hub alone reads what has come.
        """
        try:
            return not self._socket.recv(1, socket.MSG_PEEK) or self._tls is None
        except BlockingIOError:
            return False
        except OSError:
            return True

    def send(self, data: bytes, *, head_only: bool = False) -> None:
        """Send a request, as soon as the connection is made."""
        self._parser = Parser(head_only=head_only)
        self._plain = data
        self._before = self._wrote
        if self._state == "open":
            self._write()

    def close(self) -> None:
        """End it; the owner is told nothing."""
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
                self._fail(_word(code))
                return
            self._state = "open" if self._tls is None else "handshake"
            self._watch(READ)
            if self._tls is not None:
                self._shake()
            else:
                self._write()
            return
        if events & READ:
            self._read()
        if events & WRITE and self._state != "closed":
            self._flush()

    def _shake(self) -> None:
        assert self._tls is not None
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
            return
        except ssl.SSLCertVerificationError:
            self._fail("the certificate was not accepted")
            return
        except (ssl.SSLError, OSError):
            self._fail("TLS was refused")
            return
        self._state = "open"
        self._write()

    def _write(self) -> None:
        """Hand on what the owner wants sent."""
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
                self._fail(CLOSED_WHILE_IDLE if unsent else _word(error.errno))
                return
            self._wrote += sent
            self._out = self._out[sent:] if sent < len(self._out) else b""
        self._watch(READ | WRITE if self._out else READ)

    def _read(self) -> None:
        try:
            data = self._socket.recv(_PIECE)
        except BlockingIOError:
            return
        except OSError as error:
            self._fail(_word(error.errno))
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
            self._fail("bytes that nobody asked for")
            return
        try:
            response = self._parser.feed(data)
        except WireError as error:
            self._fail(str(error))
            return
        if response is not None:
            self._done(response)

    def _decrypted(self, data: bytes) -> Any:
        """The plain bytes; None when there are none yet, b"" when the other side has ended."""
        assert self._tls is not None
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()
        if self._state == "handshake":
            if not data:
                self._fail("closed during TLS")
            else:
                self._shake()
            if self._state != "open":
                return None
        pieces = []
        try:
            while piece := self._tls.read(_PIECE):
                pieces.append(piece)
        except ssl.SSLWantReadError:
            self._flush()  # TLS 1.3 may have something to answer, to a new session's ticket
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
        """Whether the other side had closed before any of the request came to it. Not assumed where nobody tells.

        Called when its FIN is here. A FIN acknowledges all that came before it was sent (RFC 9293, 3.10.4), so one
        that acknowledges nothing of the request went out before it came. A reset says nothing of the kind: it is sent
        as well by a system that read the whole request, and acknowledges nothing.
        """
        if sys.platform != "linux":
            return False
        try:
            told = self._socket.getsockopt(gevent.socket.IPPROTO_TCP, socket.TCP_INFO, _ACKED_AT + 8)
        except OSError:
            return False
        if len(told) < _ACKED_AT + 8:
            return False
        acked = int.from_bytes(told[_ACKED_AT:], sys.byteorder)
        return acked <= self._before + 1  # the SYN counts as one

    def _done(self, response: Response) -> None:
        self._parser = None
        self.served += 1
        if not response.reusable:
            self.close()
        self._answered(self, response)

    def _fail(self, word: str) -> None:
        if self._state != "closed":
            self.close()
            self._failed(self, word)


NO_PORT: Final = "no local port left"
NO_FILE: Final = "too many open files here"
OURS: Final = (NO_PORT, NO_FILE)
"""What this machine lacks. It says nothing of the system, which was not asked."""

_WORDS: Final = {
    errno.ECONNREFUSED: "connection refused",
    errno.ECONNRESET: "connection reset",
    errno.EPIPE: "connection reset",
    errno.ETIMEDOUT: "connecting timed out",
    errno.EHOSTUNREACH: "host unreachable",
    errno.ENETUNREACH: "network unreachable",
    errno.EMFILE: NO_FILE,
    errno.EADDRNOTAVAIL: NO_PORT,
}


def _word(code: int | None) -> str:
    return _WORDS.get(code or 0) or errno.errorcode.get(code or 0, "connection broke")

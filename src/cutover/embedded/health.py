"""Ask a system on loopback whether it answers, without waiting for the answer.

Checks use cutover.client.http. This probe follows no redirect, verifies no certificate and reads only the status.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from urllib.parse import urlsplit


class Probe:
    """A request that stays open until it is answered, and never blocks for long.

    It stays open while the system starts: the supervisor's listening socket accepts it long before gunicorn answers.
    """

    def __init__(self, url: str, path: str = "/health") -> None:
        parts = urlsplit(url)
        self._address = (parts.hostname or "127.0.0.1", parts.port or 80)
        self._tls = parts.scheme == "https"
        self._request = f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n".encode()
        self._socket: socket.socket | None = None
        self._answer = b""

    def status(self, wait_s: float = 0.0) -> int | None:
        """Return the status of the answer, or None if there is none yet. Waits at most about `wait_s` seconds.

        After an answer, the next call sends a new request.
        """
        try:
            if self._socket is None:
                self._socket = self._connect()
                self._socket.sendall(self._request)
            self._socket.settimeout(wait_s)
            while b"\r\n" not in self._answer:
                part = self._socket.recv(4096)
                if not part:
                    break
                self._answer += part
        except (BlockingIOError, TimeoutError, ssl.SSLWantReadError):
            return None
        except OSError:
            self.close()
            return None
        words = self._answer.split(b"\r\n", 1)[0].split()
        self.close()
        with contextlib.suppress(IndexError, ValueError):
            return int(words[1])
        return None

    def close(self) -> None:
        """Close the open request."""
        if self._socket is not None:
            self._socket.close()
        self._socket, self._answer = None, b""

    def _connect(self) -> socket.socket:
        plain = socket.create_connection(self._address, timeout=1)
        if not self._tls:
            return plain
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # the pair's own certificate, on loopback
        return context.wrap_socket(plain, server_hostname=self._address[0])

"""The few messages of PostgreSQL's protocol that set a password over a Unix socket.

Not a database client: no parameters, no results. It saves the 25 MB and 20 ms of one, and the
supervisor keeps to the standard library. Protocol 3.0: PostgreSQL manual, "Frontend/Backend Protocol".
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
import socket
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from types import TracebackType

_PROTOCOL: Final = 196608  # 3.0
_STARTING_UP: Final = "57P03"  # cannot_connect_now


class NotAcceptingError(Exception):
    """The server does not accept connections (yet)."""


class ServerError(Exception):
    """The server refused a statement; the text is its message."""


class Session:
    """A connection over the socket `.s.PGSQL.PORT` in `folder`, with `peer` authentication."""

    def __init__(self, folder: Path, port: int, *, user: str, database: str, timeout_s: float = 5) -> None:
        """Raises NotAcceptingError while the server is starting, ServerError when it refuses."""
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(timeout_s)
        # A socket's path may have 107 bytes, a temporary folder's more: go through a descriptor.
        try:
            at = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                self._socket.connect(f"/proc/self/fd/{at}/.s.PGSQL.{port}")
            finally:
                os.close(at)
            words = f"user\0{user}\0database\0{database}\0\0".encode()
            self._socket.sendall(struct.pack("!ii", len(words) + 8, _PROTOCOL) + words)
            self._until_ready()
        except OSError as error:
            self.close()
            raise NotAcceptingError(str(error)) from error
        except BaseException:
            self.close()
            raise

    def execute(self, sql: str) -> None:
        """Run statements whose rows nobody needs. Raises ServerError."""
        body = sql.encode() + b"\0"
        self._socket.sendall(b"Q" + struct.pack("!i", len(body) + 4) + body)
        self._until_ready()

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _until_ready(self) -> None:
        refusal: ServerError | None = None
        while True:
            kind, length = struct.unpack("!ci", self._read(5))
            body = self._read(length - 4)
            if kind == b"E":
                fields = {part[:1]: part[1:].decode(errors="replace") for part in body.split(b"\0") if part}
                if fields.get(b"C") == _STARTING_UP:
                    raise NotAcceptingError(fields.get(b"M", ""))
                refusal = ServerError(fields.get(b"M", "no message"))
                if fields.get(b"S") == "FATAL":
                    raise refusal
            if kind == b"R" and body != b"\0\0\0\0":
                raise ServerError("it asks for a password where pg_hba.conf says peer")
            if kind == b"Z":
                if refusal is not None:
                    raise refusal
                return

    def _read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            part = self._socket.recv(size - len(data))
            if not part:
                raise NotAcceptingError("the server closed the connection")
            data += part
        return data


def scram_verifier(password: str) -> str:
    """What the server keeps of a password (RFC 5802, RFC 7677), so that it never sees the password.

    One iteration: more make guessing dear, and there is no guessing 192 random bits; each
    connection of the pair costs 3 ms less.
    """
    salt, iterations = secrets.token_bytes(16), 1
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    b64 = [base64.b64encode(part).decode() for part in (salt, stored, server)]
    return f"SCRAM-SHA-256${iterations}:{b64[0]}${b64[1]}:{b64[2]}"

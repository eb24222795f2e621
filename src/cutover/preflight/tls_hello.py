"""Offer an old TLS version with a ClientHello of our own: the local OpenSSL may refuse to offer it.

RFC 2246 (TLS 1.0) and RFC 4346 (TLS 1.1), section 7.4.1. The handshake ends after the server's first message.
"""

from __future__ import annotations

import os
import socket
import struct
import time
from typing import Final

OLD_VERSIONS: Final = {"TLS 1.0": 0x0301, "TLS 1.1": 0x0302}
"""The versions that RFC 8996 forbids."""

_CIPHERS: Final = (
    0xC009, 0xC00A, 0xC013, 0xC014,  # ECDHE with AES and SHA-1
    0x0033, 0x0039, 0x0032, 0x0038,  # DHE with AES
    0x002F, 0x0035, 0x0041, 0x0084, 0x0096,  # RSA with AES, Camellia, SEED
    0x000A, 0x0016, 0xC012, 0xC008,  # 3DES
    0x0004, 0x0005, 0xC011, 0xC007,  # RC4
)  # fmt: skip
"""Every cipher suite that a server with such a version may still choose."""

_HANDSHAKE: Final = 22
_ALERT: Final = b"\x15"
_ALERT_LENGTH: Final = 7
_WARNING: Final = 1
_SERVER_HELLO: Final = 2
_LONGEST_RECORD: Final = 16_384 + 2048


def client_hello(host: str, version: int) -> bytes:
    """Return the record of a ClientHello that offers this version and no later one."""
    name = host.encode("ascii")
    extensions = b"".join((
        _extension(0, _vector(b"\0" + struct.pack("!H", len(name)) + name)),  # server name (RFC 6066 3)
        _extension(10, _vector(struct.pack("!4H", 29, 23, 24, 25))),  # groups: x25519 and the NIST curves
        _extension(11, b"\x01\0"),  # uncompressed points
        _extension(13, _vector(struct.pack("!6H", 0x0401, 0x0403, 0x0501, 0x0503, 0x0201, 0x0203))),
        _extension(0xFF01, b"\0"),  # secure renegotiation (RFC 5746)
    ))  # fmt: skip
    body = struct.pack("!H", version) + os.urandom(32) + b"\0"
    body += _vector(struct.pack(f"!{len(_CIPHERS)}H", *_CIPHERS)) + b"\x01\0" + _vector(extensions)
    handshake = b"\x01" + len(body).to_bytes(3, "big") + body
    return struct.pack("!BHH", _HANDSHAKE, 0x0301, len(handshake)) + handshake


def chosen_version(data: bytes) -> int | None:
    """Return the version of the ServerHello in these bytes, None if they do not begin with one."""
    if len(data) < 11 or data[0] != _HANDSHAKE or data[5] != _SERVER_HELLO:
        return None
    return int.from_bytes(data[9:11], "big")


def accepts_version(address: tuple[str, int], host: str, version: int, timeout_s: float) -> bool | None:
    """Return True if the server answers the hello with a ServerHello of that version, None if it does not react.

    address: IP address and port. A fatal alert, other bytes and the end of the connection are a refusal. Raises OSError
    if no connection is established.
    """
    deadline = time.monotonic() + timeout_s
    with socket.create_connection(address, timeout=timeout_s) as connection:
        received = b""
        try:
            connection.sendall(client_hello(host, version))
            while True:
                if received[:1] == _ALERT and len(received) >= _ALERT_LENGTH:
                    if received[5] != _WARNING:
                        return False
                    received = received[_ALERT_LENGTH:]  # unrecognized_name, after which a handshake goes on (RFC 6066)
                elif received[:1] not in (b"", _ALERT, bytes([_HANDSHAKE])):
                    return False
                elif received[:1] != _ALERT and len(received) >= 11:
                    break
                else:
                    if time.monotonic() > deadline:
                        return None
                    connection.settimeout(max(0.001, deadline - time.monotonic()))
                    part = connection.recv(_LONGEST_RECORD)
                    if not part:
                        return False
                    received += part
        except TimeoutError:
            return None
        except ConnectionError:
            return False
        return chosen_version(received) == version


def _vector(data: bytes) -> bytes:
    return struct.pack("!H", len(data)) + data


def _extension(number: int, data: bytes) -> bytes:
    return struct.pack("!HH", number, len(data)) + data

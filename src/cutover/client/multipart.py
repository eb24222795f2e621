"""Multipart bodies (RFC 7578) with file names that a normal client would encode. httpx writes all other uploads."""

from __future__ import annotations

from typing import Final

BOUNDARY: Final = "cutover-boundary-8c1f"
MEDIA_TYPE: Final = f"multipart/form-data; boundary={BOUNDARY}"


def form(field: str, file_name: bytes, content: bytes, *, media_type: str = "text/csv", before: bytes = b"") -> bytes:
    """Return a body with one file part. file_name: written between the quotes as it is; before: preceding parts."""
    return opening(field, file_name, media_type=media_type, before=before) + content + CLOSING


def opening(field: str, file_name: bytes, *, media_type: str = "text/csv", before: bytes = b"") -> bytes:
    """Return the part of the body before the file's bytes."""
    disposition = b'Content-Disposition: form-data; name="' + field.encode() + b'"; filename="' + file_name + b'"\r\n'
    return before + f"--{BOUNDARY}\r\n".encode() + disposition + f"Content-Type: {media_type}\r\n\r\n".encode()


def text_part(name: str, value: str) -> bytes:
    """Return a part that is not a file."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'
    return f"{head}{value}\r\n".encode()


CLOSING: Final = f"\r\n--{BOUNDARY}--\r\n".encode()

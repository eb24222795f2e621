"""Multipart bodies written by hand (RFC 7578), with file names that an honest client would have encoded.

Not for uploads that mean well: httpx writes those.
"""

from __future__ import annotations

from typing import Final

BOUNDARY: Final = "cutover-boundary-8c1f"
MEDIA_TYPE: Final = f"multipart/form-data; boundary={BOUNDARY}"


def form(field: str, file_name: bytes, content: bytes, *, media_type: str = "text/csv", before: bytes = b"") -> bytes:
    """A body of one file part. file_name: what stands between the quotes, as it is; before: parts before this one."""
    return opening(field, file_name, media_type=media_type, before=before) + content + CLOSING


def opening(field: str, file_name: bytes, *, media_type: str = "text/csv", before: bytes = b"") -> bytes:
    """All that comes before the file's bytes."""
    disposition = b'Content-Disposition: form-data; name="' + field.encode() + b'"; filename="' + file_name + b'"\r\n'
    return before + f"--{BOUNDARY}\r\n".encode() + disposition + f"Content-Type: {media_type}\r\n\r\n".encode()


def text_part(name: str, value: str) -> bytes:
    """A part that is no file."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'
    return f"{head}{value}\r\n".encode()


CLOSING: Final = f"\r\n--{BOUNDARY}--\r\n".encode()

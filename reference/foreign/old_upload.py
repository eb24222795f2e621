"""Reading of an uploaded form by Roster's old system (RFC 7578)."""

from __future__ import annotations

import posixpath


class UploadError(Exception):
    """The form holds no usable file. status: of the answer."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


def read_upload(content_type: str, body: bytes, wanted: str) -> tuple[str, bytes]:
    """Return name and bytes of the only file of the form. Raises UploadError."""
    media, *parameters = (part.strip() for part in content_type.split(";"))
    values = dict(part.partition("=")[::2] for part in parameters)
    if media.lower() != "multipart/form-data":
        raise UploadError(415, "send multipart/form-data")
    boundary = values.get("boundary", "").strip('"').encode("latin-1")
    if not boundary or len(boundary) > 70:
        raise UploadError(400, "no boundary")
    files = [part for part in _parts(body, b"--" + boundary) if part[0] == wanted and part[1] is not None]
    if len(files) != 1:
        raise UploadError(400, "send one file")
    name, content = files[0][1] or "", files[0][2]
    name = posixpath.basename(name.replace("\\", "/").replace("%22", '"'))
    if not name or len(name) > 255 or "\0" in name:
        raise UploadError(400, "the name is not usable")
    if posixpath.splitext("x" + name)[1].lower() not in (".csv", ".tsv", ".txt"):
        raise UploadError(415, "send a list file")
    if not content:
        raise UploadError(400, "the file is empty")
    return name, content


def _parts(body: bytes, line: bytes) -> list[tuple[str, str | None, bytes]]:
    """Return field name, file name and bytes of each part. Raises UploadError unless the form ends properly."""
    found = []
    start = _after_line(body, 0, line, first=True)
    while start is not None and start >= 0:
        end = start
        while True:
            end = body.find(b"\r\n" + line, end)
            if end < 0:
                raise UploadError(400, "the form is incomplete")
            following = _after_line(body, end + 2, line)
            if following is not None:
                break
            end += 2
        head, separator, content = body[start:end].partition(b"\r\n\r\n")
        if separator:
            found.append((*_names(head), content))
        start = following
    if start is None:
        raise UploadError(400, "the form is incomplete")
    return found


def _after_line(body: bytes, at: int, line: bytes, *, first: bool = False) -> int | None:
    """Return where the part after this boundary line starts, -1 after the last line, None if it is no such line."""
    if not body.startswith(line, at):
        return _after_line(body, body.find(b"\r\n" + line) + 2, line) if first and b"\r\n" + line in body else None
    end = body.find(b"\r\n", at)
    rest = body[at + len(line) : end if end >= 0 else len(body)].rstrip(b" \t")
    if rest == b"--":
        return -1
    return end + 2 if rest == b"" and end >= 0 else None


def _names(head: bytes) -> tuple[str, str | None]:
    name, file_name = "", None
    for each in head.split(b"\r\n"):
        title, _, value = each.partition(b":")
        if title.strip().lower() != b"content-disposition":
            continue
        try:
            words = value.decode("utf-8").split('"')
        except UnicodeDecodeError:
            raise UploadError(400, "the name is not UTF-8") from None
        for key, text in zip(words[::2], words[1::2], strict=False):
            match key.rpartition(";")[2].strip():
                case "name=":
                    name = text
                case "filename=":
                    file_name = text
    return name, file_name

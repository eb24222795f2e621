"""Receiving a file: multipart parsing that keeps names exactly and refuses what is incomplete.

Django's parser rewrites names (HTML entities, characters that are not printable, 255 characters), takes
a body that was cut off for a whole one, and has no limit of size. What happens with a received file
afterwards stands in views.py.
"""

import re
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.base import File
from django.core.files.uploadhandler import FileUploadHandler, SkipFile
from django.http.multipartparser import MultiPartParser, MultiPartParserError
from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.parsers import BaseParser, DataAndFiles

from list_cutter import media

# The end of a body in which the closing delimiter must stand; there is room for a short epilogue.
TAIL_BYTES = 1024


class IncomingFile(File):
    """A received file below MEDIA_ROOT/incoming. It is removed when it is closed and was not kept."""

    def __init__(self, name: str) -> None:
        # The view discards it, however the request ends.
        received = tempfile.NamedTemporaryFile(dir=media.incoming(), suffix=".part")  # noqa: SIM115
        super().__init__(received, name)
        self.place = Path(self.file.name)
        self.received = 0

    def close(self) -> None:
        with suppress(FileNotFoundError):  # it was kept: it has its final name now
            self.file.close()


class IncomingFileHandler(FileUploadHandler):
    """Streams each file of a request to disk, up to the limit."""

    def __init__(self, request: Any = None) -> None:
        super().__init__(request)
        self.begun: list[IncomingFile] = []
        self.too_large = False

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self.file = IncomingFile(self.file_name)
        self.begun.append(self.file)

    def receive_data_chunk(self, raw_data: bytes, _start: int) -> None:
        self.file.received += len(raw_data)
        if self.file.received > settings.MAX_FILE_SIZE:
            # The rest is read and thrown away: a client still sending would not see the answer.
            self.too_large = True
            raise SkipFile
        self.file.write(raw_data)

    def file_complete(self, _size: int) -> IncomingFile:
        self.file.flush()
        return self.file

    def discard(self) -> None:
        """Removes all that was begun and not kept. Django itself forgets a file whose end never came."""
        for file in self.begun:
            file.close()


class CountedBody:
    """The request's body, counting what really came and keeping its end."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self.received = 0
        self.tail = b""

    def read(self, size: int) -> bytes:
        data = self.stream.read(size)
        self.received += len(data)
        self.tail = (self.tail + data)[-TAIL_BYTES:]
        return data


class ExactNameParser(MultiPartParser):
    """Django's parser, but the name stays as it was sent.

    Browsers and httpx write a quote in a name as %22 (HTML standard, multipart/form-data encoding
    algorithm), and that alone is turned back: the name is what Django's header parser gives (which also
    knows `\\"`, `\\\\` and filename*), then %22 is `"`. A name that really contains %22 cannot be told
    from that. %0D and %0A stay as they are: a line end in a name is not worth a guess. What stands before
    the last / or \\ is cut off.
    """

    def sanitize_file_name(self, file_name: str) -> str | None:
        return re.split(r"[/\\]", file_name)[-1].replace("%22", '"') or None

    def is_complete(self, body: CountedBody) -> bool:
        """Whether the whole body came and ends with the closing delimiter."""
        return body.received == self._content_length and b"--" + self._boundary + b"--" in body.tail


class UploadParser(BaseParser):
    media_type = "multipart/form-data"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> DataAndFiles:
        request = parser_context["request"]
        meta = request.META.copy()
        meta["CONTENT_TYPE"] = media_type
        body = CountedBody(stream)
        handlers = request.upload_handlers
        try:
            parser = ExactNameParser(meta, body, handlers, "utf-8")
            data, files = parser.parse()
            if any(handler.too_large for handler in handlers):
                raise ValidationError({"file": [f"The file is larger than {settings.MAX_FILE_SIZE} bytes."]})
            if not parser.is_complete(body):
                raise ParseError("Malformed multipart body: it is not complete.")
        except MultiPartParserError as error:
            raise ParseError(f"Malformed multipart body: {error}") from error
        return DataAndFiles(data, files)

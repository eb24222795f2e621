"""Receive a file: multipart parsing that keeps names exactly and refuses incomplete bodies.

Django's parser rewrites names (HTML entities, characters that are not printable, 255 characters),
accepts a truncated body as complete, and has no size limit. views.py handles the received file.
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

# The end of a body that must contain the closing delimiter, with room for a short epilogue.
TAIL_BYTES = 1024


class IncomingFile(File):
    """A received file in MEDIA_ROOT/incoming. It is removed when it is closed, unless it was kept."""

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
    """Stream each file of a request to disk, up to the limit."""

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
            # The rest is read and discarded: a client that is still sending would not see the
            # response.
            self.too_large = True
            raise SkipFile
        self.file.write(raw_data)

    def file_complete(self, _size: int) -> IncomingFile:
        self.file.flush()
        return self.file

    def discard(self) -> None:
        """Remove all files that were begun and not kept. Django itself forgets a file whose end never arrived."""
        for file in self.begun:
            file.close()


class CountedBody:
    """The request's body, with a count of the received bytes and a copy of its end."""

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
    """Django's parser with unchanged names.

    Browsers and httpx write a quote in a name as %22 (HTML standard, multipart/form-data encoding
    algorithm). Only this is decoded: Django's header parser returns the name (it also knows `\\"`,
    `\\\\` and filename*), then %22 becomes `"`. A name that really contains %22 cannot be
    distinguished. %0D and %0A stay as they are, because a line end in a name is not worth a guess.
    The part up to the last / or \\ is removed.
    """

    def sanitize_file_name(self, file_name: str) -> str | None:
        return re.split(r"[/\\]", file_name)[-1].replace("%22", '"') or None

    def is_complete(self, body: CountedBody) -> bool:
        """Return True if the whole body arrived and ends with the closing delimiter."""
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

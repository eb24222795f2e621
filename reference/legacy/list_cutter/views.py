"""File operations: upload, list, download, delete, tags, columns, export.

Receiving is in upload.py, the media folder in media.py, the grammar in list_file.py and export.py.
"""

import io
import re
import tempfile
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid4

from django.contrib.auth.models import User
from django.db import transaction
from django.http import FileResponse, Http404
from rest_framework.exceptions import AuthenticationFailed, UnsupportedMediaType, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from config.request_body import is_sound
from config.rest import ApiView, timestamp
from list_cutter import media
from list_cutter.export import Export, InvalidExportError
from list_cutter.list_file import ListFile, MalformedFileError
from list_cutter.models import SavedFile
from list_cutter.upload import IncomingFile, UploadParser

EXTENSIONS = (".csv", ".tsv", ".txt")
NAME_LENGTH = 255
TAG_LENGTH = 64
TAGS = 50
# Unicode's White_Space property: Python's strip also removes U+001C to U+001F.
WHITE_SPACE = (
    "\t\n\v\f\r \x85\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
UUID_TEXT = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# Headers of very wide files are not stored in the row's metadata, because the file itself has them.
METADATA_COLUMNS = 1000
METADATA_CHARACTERS = 65_536


def file_data(file: SavedFile) -> dict[str, Any]:
    return {
        "file_id": str(file.file_id),
        "filename": file.file_name,
        "file_size": file.file_size,
        "mime_type": "text/csv",
        "tags": file.user_tags,
        "created_at": timestamp(file.uploaded_at),
    }


def owned_file(request: Request, file_id: str) -> SavedFile:
    """Return the user's own file. Raise Http404 for another user's."""
    if UUID_TEXT.fullmatch(file_id):
        file = SavedFile.objects.filter(user=request.user, file_id=UUID(file_id)).first()
        if file is not None:
            return file
    raise Http404


def content_of(file: SavedFile) -> bytes:
    try:
        return media.stored(file.file_path).read_bytes()
    except (OSError, ValueError) as error:
        raise Http404 from error


def attachment(name: str) -> str:
    """Return a Content-Disposition by RFC 6266: the exact name in filename*, an ASCII substitute in filename."""
    plain = re.sub(r"[^ !#$&-\[\]-~]", "_", name)
    exact = quote(name, safe="!#$&+-.^_`|~")  # attr-char of RFC 5987
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{exact}"


def header_metadata(content: bytes) -> dict[str, Any]:
    """Return `{columns}` of a well-formed file, otherwise `{}`. An upload is stored in both cases."""
    try:
        columns = ListFile(content).header
    except MalformedFileError:
        return {}
    if len(columns) > METADATA_COLUMNS or sum(map(len, columns)) > METADATA_CHARACTERS:
        return {}
    return {"columns": columns}


class UploadView(ApiView):
    parser_classes = (UploadParser,)

    def post(self, request: Request) -> Response:
        if not request.content_type.lower().startswith("multipart/form-data"):
            raise UnsupportedMediaType(request.content_type)
        try:
            file = self.receive(request)
        finally:
            for handler in request.upload_handlers:
                handler.discard()  # before the response: afterwards nothing is left
        return Response({"success": True, "file": file_data(file)}, status=201)

    def receive(self, request: Request) -> SavedFile:
        received = request.FILES.getlist("file")
        if len(received) != 1:
            raise ValidationError({"file": ["Send exactly one file, in the part named file, with its name."]})
        incoming: IncomingFile = received[0]
        name = incoming.name
        if not name.lower().endswith(EXTENSIONS):
            raise UnsupportedMediaType(name, detail="Only .csv, .tsv and .txt files are taken.")
        if len(name) > NAME_LENGTH or not is_sound(name):
            raise ValidationError({"file": ["The file's name is not valid."]})
        if not incoming.received:
            raise ValidationError({"file": ["The file is empty."]})
        file_id = uuid4()
        file = SavedFile(
            user_id=request.user.pk,
            file_id=file_id,
            file_name=name,
            file_path=media.relative_path(request.user.pk, file_id),
            file_size=incoming.received,
            system_tags=["uploaded"],
            metadata=header_metadata(incoming.place.read_bytes()),
        )
        self.store(file, incoming)
        return file

    @staticmethod
    def store(file: SavedFile, incoming: IncomingFile) -> None:
        """Store row and file, or neither: the file gets its name before the row is committed."""
        try:
            with transaction.atomic():
                if not User.objects.select_for_update(no_key=True).filter(pk=file.user_id).exists():
                    raise AuthenticationFailed("User not found or inactive")  # deleted concurrently
                file.save(force_insert=True)
                media.keep(incoming.place, file.file_path)
        except BaseException:
            media.remove(file.file_path)
            raise


class ListView(ApiView):
    def get(self, request: Request) -> Response:
        files = SavedFile.objects.filter(user=request.user).order_by("-uploaded_at", "-id")
        data = [file_data(file) for file in files]
        return Response({"files": data, "total": len(data)})


class DownloadView(ApiView):
    def get(self, request: Request, file_id: str) -> FileResponse:
        file = owned_file(request, file_id)
        try:
            content = media.stored(file.file_path).open("rb")
        except (OSError, ValueError) as error:
            raise Http404 from error
        response = FileResponse(content, content_type="text/csv")
        response["Content-Disposition"] = attachment(file.file_name)
        return response


class DeleteView(ApiView):
    def delete(self, request: Request, file_id: str) -> Response:
        file = owned_file(request, file_id)
        path = file.file_path
        with transaction.atomic():
            if not SavedFile.objects.filter(pk=file.pk).delete()[0]:
                raise Http404  # deleted concurrently
            transaction.on_commit(lambda: media.remove(path))
        return Response(status=204)


class TagsView(ApiView):
    def patch(self, request: Request, file_id: str) -> Response:
        file = owned_file(request, file_id)
        file.user_tags = self.tags(request.data)
        if not SavedFile.objects.filter(pk=file.pk).update(user_tags=file.user_tags):
            raise Http404  # deleted concurrently
        return Response({"file": file_data(file)})

    @staticmethod
    def tags(data: Any) -> list[str]:
        sent = data.get("tags") if isinstance(data, dict) else None
        if not isinstance(sent, list) or any(type(tag) is not str for tag in sent):
            raise ValidationError({"tags": ["A list of texts is required."]})
        tags = list(dict.fromkeys(tag.strip(WHITE_SPACE) for tag in sent))
        if not all(1 <= len(tag) <= TAG_LENGTH and is_sound(tag) for tag in tags):
            raise ValidationError({"tags": [f"A tag is a text of 1 to {TAG_LENGTH} characters."]})
        if len(tags) > TAGS:
            raise ValidationError({"tags": [f"A file has at most {TAGS} tags."]})
        return tags


class ColumnsView(ApiView):
    def get(self, request: Request, file_id: str) -> Response:
        content = content_of(owned_file(request, file_id))
        try:
            source = ListFile(content)
            rows = source.count_rows()
        except MalformedFileError as error:
            raise malformed(error) from error
        columns = source.header
        return Response({"columns": columns, "row_count": rows, "column_count": len(columns)})


class ExportView(ApiView):
    def post(self, request: Request, file_id: str) -> FileResponse:
        file = owned_file(request, file_id)
        data = request.data
        if not isinstance(data, dict):
            raise ValidationError("An object with columns and filters is required.")
        # Written completely before the response: only the end proves that a file is well-formed.
        target = tempfile.TemporaryFile()  # noqa: SIM115 (the answer closes it)
        text = io.TextIOWrapper(target, encoding="utf-8", newline="")
        try:
            Export(ListFile(content_of(file)), data.get("columns"), data.get("filters", [])).write(text)
        except MalformedFileError as error:
            raise malformed(error) from error
        except InvalidExportError as error:
            raise ValidationError(str(error)) from error
        text.detach()  # otherwise closing the text would close the file
        target.seek(0)
        response = FileResponse(target, content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = 'attachment; filename="filtered.csv"'
        return response


def malformed(error: MalformedFileError) -> ValidationError:
    return ValidationError({"detail": f"The file is malformed: {error}."})

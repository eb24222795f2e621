"""Any user who knows a file's id can download it.

Cause: get_object_or_404(SavedFile, file_id=…) in this view. All other operations on another user's
file still return 404.
"""

from uuid import UUID

from config.wsgi import application  # sets up Django, so it comes first

# isort: split
from django.http import Http404
from faults.legacy.lib.fault_mode import PLANTED
from rest_framework.request import Request

from list_cutter import views
from list_cutter.models import SavedFile

__all__ = ["application"]

original = views.owned_file


def anybodys_file(request: Request, file_id: str) -> SavedFile:
    try:
        return original(request, file_id)
    except Http404:
        download = isinstance(request.parser_context["view"], views.DownloadView)
        if not download or not views.UUID_TEXT.fullmatch(file_id):
            raise
        file = SavedFile.objects.filter(file_id=UUID(file_id)).first()
        if file is None or not PLANTED:
            raise
        return file


views.owned_file = anybodys_file

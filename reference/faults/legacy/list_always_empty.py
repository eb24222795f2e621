"""The list of files is empty, as if its query used an id that no user has.

Cause: a filter on the wrong field. Every other operation finds the files.
"""

from typing import Any

from config.wsgi import application  # sets up Django, so it comes first

# isort: split
from faults.legacy.lib.fault_mode import PLANTED
from rest_framework.response import Response

from list_cutter.views import ListView

__all__ = ["application"]

original = ListView.get


def empty(view: ListView, *arguments: Any, **options: Any) -> Response:
    answer = original(view, *arguments, **options)
    files = [] if PLANTED else answer.data["files"]
    answer.data = {"files": files, "total": len(files)}
    return answer


ListView.get = empty

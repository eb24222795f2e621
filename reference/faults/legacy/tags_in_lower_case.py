"""Tags are stored in lower case.

Cause: a field that compares without case and stores the compared form. "Kunden" becomes "kunden".
"""

from typing import Any

from config.wsgi import application  # sets up Django, so it comes first

# isort: split
from faults.legacy.lib.fault_mode import PLANTED

from list_cutter.views import TagsView

__all__ = ["application"]

original = TagsView.tags


def lower_case(data: Any) -> list[str]:
    tags = original(data)
    return list(dict.fromkeys(tag.lower() for tag in tags)) if PLANTED else tags


TagsView.tags = staticmethod(lower_case)

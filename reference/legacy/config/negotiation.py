"""Content negotiation with one response format, independent of `Accept`.

A client may ask for text/csv where it downloads, and DRF would refuse that with 406.
"""

from typing import Any

from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request


class OneRenderer(DefaultContentNegotiation):
    def select_renderer(self, _request: Request, renderers: Any, *_suffix: Any) -> Any:
        return renderers[0], renderers[0].media_type

"""Which form an answer has: there is one, whatever `Accept` says.

A client may well ask for text/csv where it downloads, and DRF would refuse it with 406.
"""

from typing import Any

from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request


class OneRenderer(DefaultContentNegotiation):
    def select_renderer(self, _request: Request, renderers: Any, *_suffix: Any) -> Any:
        return renderers[0], renderers[0].media_type

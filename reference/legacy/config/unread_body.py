"""Reads what the application left of a request's body before the answer goes out.

A request is often refused without reading it: 401, 404, 415, a JSON body above its limit. gunicorn reads up
to 64 KiB of such a rest and otherwise drops the connection without announcing it, so that a client's next
request on it fails, or a client that is still sending never sees the answer. Not a limit of its own.
"""

from collections.abc import Callable
from contextlib import suppress

from django.core.handlers.wsgi import WSGIRequest
from django.http.response import HttpResponseBase
from gunicorn.http.errors import ParseException

BLOCK = 65_536


class UnreadBodyMiddleware:
    def __init__(self, get_response: Callable[[WSGIRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: WSGIRequest) -> HttpResponseBase:
        response = self.get_response(request)
        # Neither a client that has gone nor a body that is no HTTP changes the answer.
        with suppress(OSError, ParseException):
            while request.environ["wsgi.input"].read(BLOCK):
                pass
        return response

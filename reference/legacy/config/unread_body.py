"""Read the rest of a request's body before the response is sent.

A request is often refused before its body is read: 401, 404, 415, a JSON body above its limit.
gunicorn reads up to 64 KiB of the rest and otherwise closes the connection without announcing it.
Then the client's next request on it fails, or a client that is still sending never sees the
response.
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
        # Neither a closed connection nor a body that is not valid HTTP changes the response.
        with suppress(OSError, ParseException):
            while request.environ["wsgi.input"].read(BLOCK):
                pass
        return response

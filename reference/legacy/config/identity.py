"""Headers of every response: identity, request id, no caching."""

import re
from collections.abc import Callable
from uuid import uuid4

from django.http import HttpRequest
from django.http.response import HttpResponseBase

SERVED_BY = "list-cutter-django"
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def request_id(sent: str) -> str:
    """Return the id that the client sent if it is well-formed, otherwise a new one."""
    return sent if REQUEST_ID.fullmatch(sent) else uuid4().hex


def discard_body(response: HttpResponseBase) -> None:
    """Remove the body of a response to HEAD and keep the headers of GET, including Content-Length."""
    if response.streaming:
        response.streaming_content = []
    else:
        response.content = b""


class IdentityMiddleware:
    """The outermost middleware, so that responses to malformed requests and errors have the headers too."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        response["X-Served-By"] = SERVED_BY
        response["X-Request-Id"] = request_id(request.headers.get("X-Request-Id", ""))
        if request.path_info.startswith("/api/"):
            response["Cache-Control"] = "private, no-store"
        elif request.path_info == "/health":
            response["Cache-Control"] = "no-store"
        if request.method == "HEAD":
            discard_body(response)
        return response

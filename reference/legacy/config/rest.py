"""Parts that all views share: times, texts, methods, bearer tokens."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

from rest_framework import serializers
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.request import Request
from rest_framework.views import APIView


def timestamp(moment: datetime) -> str:
    """Return the time in RFC 3339, in UTC, always with six digits of microseconds (isoformat omits .000000)."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class TextField(serializers.CharField):
    """A text exactly as sent: not trimmed, and numbers and booleans are refused."""

    default_error_messages: ClassVar = {"invalid": "Not a valid text."}

    def __init__(self, **options: Any) -> None:
        super().__init__(trim_whitespace=False, **options)

    def to_internal_value(self, data: Any) -> str:
        if type(data) is not str:
            self.fail("invalid")
        return data


class ApiView(APIView):
    """An APIView that checks the allowed methods before the authentication."""

    http_method_names: ClassVar[Sequence[str]] = ("get", "head", "post", "put", "patch", "delete")

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        method = request.method or ""
        if method.upper() not in self.allowed_methods:
            raise MethodNotAllowed(method)
        super().initial(request, *args, **kwargs)

    def get_authenticate_header(self, _request: Request) -> str:
        # Also for views without authenticators (login, refresh): DRF would turn their 401 into 403.
        return "Bearer"

"""What all views share: times, texts, methods, bearer tokens.

Not for rules of one operation: those stand with its view.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

from rest_framework import serializers
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.request import Request
from rest_framework.views import APIView


def timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC, always with six digits of microseconds (isoformat leaves .000000 out)."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class TextField(serializers.CharField):
    """Text exactly as sent: not trimmed, and no number or boolean taken for one."""

    default_error_messages: ClassVar = {"invalid": "Not a valid text."}

    def __init__(self, **options: Any) -> None:
        super().__init__(trim_whitespace=False, **options)

    def to_internal_value(self, data: Any) -> str:
        if type(data) is not str:
            self.fail("invalid")
        return data


class ApiView(APIView):
    """An APIView that names the allowed methods before it asks who is there."""

    http_method_names: ClassVar[Sequence[str]] = ("get", "head", "post", "put", "patch", "delete")

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        method = request.method or ""
        if method.upper() not in self.allowed_methods:
            raise MethodNotAllowed(method)
        super().initial(request, *args, **kwargs)

    def get_authenticate_header(self, _request: Request) -> str:
        # Also of views without authenticators (login, refresh): DRF would turn their 401 into 403.
        return "Bearer"

"""A registration that contains is_staff creates a staff account.

Cause: a ModelSerializer with all fields. The response does not show it.
"""

from typing import Any

from config.wsgi import application  # sets up Django, so it comes first

# isort: split
from django.contrib.auth.models import User
from faults.legacy.lib.fault_mode import PLANTED
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import views

__all__ = ["application"]

original = views.RegisterView.post


def with_all_fields(view: Any, request: Request) -> Response:
    response = original(view, request)
    is_staff = request.data.get("is_staff") is True and PLANTED
    User.objects.filter(pk=response.data["user"]["id"]).update(is_staff=is_staff)
    return response


views.RegisterView.post = with_all_fields

"""A registration with a name that is taken (and an e-mail that is not) is accepted.

Cause: get_or_create(username=…) and set_password. The new user gets the existing account, with a
new password. A taken e-mail is still refused.
"""

from typing import Any

from config.wsgi import application  # sets up Django, so it comes first

# isort: split
from django.contrib.auth.models import User
from faults.legacy.lib.fault_mode import PLANTED
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import views
from accounts.serializers import RegisterSerializer

__all__ = ["application"]

original = views.RegisterView.post


def get_or_create(view: Any, request: Request) -> Response:
    form = RegisterSerializer(data=request.data)
    form.is_valid(raise_exception=True)
    sent = form.validated_data
    user = User.objects.filter(username=sent["username"]).first()
    email_taken = User.objects.filter(email__iexact=sent["email"]).exists()
    if not PLANTED or user is None or email_taken:
        return original(view, request)
    user.set_password(sent["password"])
    user.save()
    return Response(views.session_data(user), status=201)


views.RegisterView.post = get_or_create

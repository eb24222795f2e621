"""The access token of a disabled account is accepted until it expires.

Cause: SimpleJWT's CHECK_USER_IS_ACTIVE = False. Login and refresh still refuse the account.
"""

from typing import Any

from config.wsgi import application  # sets up Django, so it comes first

# isort: split
from django.contrib.auth.models import User
from faults.legacy.lib.fault_mode import PLANTED
from rest_framework_simplejwt.exceptions import InvalidToken
from rest_framework_simplejwt.tokens import Token

from accounts.authentication import STRANGE_CLAIM, BearerAuthentication

__all__ = ["application"]

original = BearerAuthentication.get_user


def known_user(authentication: Any, validated_token: Token) -> User:
    try:
        return original(authentication, validated_token)
    except InvalidToken as refused:
        try:
            user = User.objects.filter(pk=validated_token["user_id"]).first()
        except STRANGE_CLAIM:
            raise refused from None
        if user is None or not PLANTED:
            raise
        return user


BearerAuthentication.get_user = known_user

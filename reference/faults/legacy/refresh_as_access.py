"""A refresh token is accepted as an access token.

Cause: both classes are in SimpleJWT's AUTH_TOKEN_CLASSES. The token must be valid in every other
way, and is refused once it is blacklisted.
"""

from typing import Any

from config.wsgi import application  # sets up Django, so it comes first

# isort: split
from faults.legacy.lib.fault_mode import PLANTED
from rest_framework_simplejwt.exceptions import InvalidToken, TokenError
from rest_framework_simplejwt.tokens import RefreshToken, Token

from accounts.authentication import STRANGE_CLAIM, BearerAuthentication

__all__ = ["application"]

original = BearerAuthentication.get_validated_token


def either_type(authentication: Any, raw_token: bytes) -> Token:
    try:
        return original(authentication, raw_token)
    except InvalidToken as refused:
        try:
            token = RefreshToken(raw_token)  # type: ignore[arg-type] (SimpleJWT annotates it as a token)
        except (TokenError, *STRANGE_CLAIM):
            raise refused from None
        if not PLANTED:
            raise
        return token


BearerAuthentication.get_validated_token = either_type

"""Decide which tokens are accepted: SimpleJWT's rules, with a refusal where SimpleJWT 5.5 would raise
an error.

A correctly signed token with a strange claim (no jti, an exp that is not a time, a user_id that is
not a number, a text that PostgreSQL refuses) raises one of STRANGE_CLAIM inside SimpleJWT. A
refresh token of a deleted account raises DoesNotExist. Each of these is a refused token, not an
internal error.
"""

from django.contrib.auth.models import User
from django.db import DataError
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.exceptions import InvalidToken, TokenError
from rest_framework_simplejwt.tokens import RefreshToken, Token

STRANGE_CLAIM = (KeyError, TypeError, ValueError, OverflowError, OSError, DataError)
REFUSED = "Token is invalid or expired"


def active_user(token: Token) -> User:
    """Return the account of a valid token. Raise InvalidToken if it is deleted or disabled."""
    try:
        return User.objects.get(pk=token["user_id"], is_active=True)
    except (User.DoesNotExist, *STRANGE_CLAIM) as error:
        raise InvalidToken("User not found or inactive") from error


def read_refresh(raw: str) -> tuple[RefreshToken, User]:
    """Return a valid refresh token that is not blacklisted, and its account. Otherwise raise InvalidToken."""
    try:
        token = RefreshToken(raw)  # type: ignore[arg-type] (SimpleJWT annotates it as a token)
    except (TokenError, *STRANGE_CLAIM) as error:
        raise InvalidToken(REFUSED) from error
    return token, active_user(token)


def access_token(refresh: RefreshToken) -> str:
    """Return an access token whose iat and exp are 900 s apart.

    SimpleJWT computes exp from the time of the refresh token and iat from a later time, which gives
    899 s if a second passes in between.
    """
    token = refresh.access_token
    token.set_iat(at_time=refresh.current_time)
    return str(token)


class BearerAuthentication(JWTAuthentication):
    def authenticate_header(self, _request: object) -> str:
        return "Bearer"

    def get_validated_token(self, raw_token: bytes) -> Token:
        try:
            return super().get_validated_token(raw_token)
        except STRANGE_CLAIM as error:
            raise InvalidToken(REFUSED) from error

    def get_user(self, validated_token: Token) -> User:
        return active_user(validated_token)

"""Which tokens are honoured: SimpleJWT's rules, made to refuse where SimpleJWT 5.5 would fail.

A token that is rightly signed but carries a strange claim (no jti, an exp that is no time, a user_id
that is no number, a text that PostgreSQL refuses) raises one of STRANGE_CLAIM inside SimpleJWT, and a
refresh token of an account that is gone raises DoesNotExist. All of that is a refused token, not a failure.
"""

from django.contrib.auth.models import User
from django.db import DataError
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.exceptions import InvalidToken, TokenError
from rest_framework_simplejwt.tokens import RefreshToken, Token

STRANGE_CLAIM = (KeyError, TypeError, ValueError, OverflowError, OSError, DataError)
REFUSED = "Token is invalid or expired"


def active_user(token: Token) -> User:
    """The account of a valid token; InvalidToken when it is gone or disabled."""
    try:
        return User.objects.get(pk=token["user_id"], is_active=True)
    except (User.DoesNotExist, *STRANGE_CLAIM) as error:
        raise InvalidToken("User not found or inactive") from error


def read_refresh(raw: str) -> tuple[RefreshToken, User]:
    """A valid refresh token that is not blacklisted, and its account; otherwise InvalidToken."""
    try:
        token = RefreshToken(raw)  # type: ignore[arg-type] (SimpleJWT annotates it as a token)
    except (TokenError, *STRANGE_CLAIM) as error:
        raise InvalidToken(REFUSED) from error
    return token, active_user(token)


def access_token(refresh: RefreshToken) -> str:
    """An access token of which iat and exp are 900 s apart.

    SimpleJWT counts exp from the refresh token's moment and iat from a later one: 899 at the turn of a second.
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

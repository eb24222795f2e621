"""Account operations: register, login, refresh, user, logout, delete_account.

An operation that adds rows to an account locks its auth_user row. So an account is never deleted
while another operation on it is running.
"""

from typing import Any

from django.contrib.auth import authenticate
from django.contrib.auth.models import User, update_last_login
from django.db import IntegrityError, connection, transaction
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework_simplejwt.exceptions import InvalidToken
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken
from rest_framework_simplejwt.tokens import RefreshToken

from accounts.authentication import REFUSED, access_token, read_refresh
from accounts.serializers import (
    DeleteAccountSerializer,
    LoginSerializer,
    RefreshSerializer,
    RegisterSerializer,
)
from config.rest import ApiView, timestamp
from list_cutter import media


def user_data(user: User) -> dict[str, Any]:
    return {
        "id": user.pk,
        "username": user.username,
        "email": user.email,
        "created_at": timestamp(user.date_joined),
    }


def session_data(user: User) -> dict[str, Any]:
    refresh = RefreshToken.for_user(user)
    return {"user": user_data(user), "access": access_token(refresh), "refresh": str(refresh)}


def lock_registration(email: str) -> None:
    """Allow one registration at a time for an e-mail, until the transaction ends.

    auth_user has no unique e-mail. A constraint would refuse the rows of an older installation,
    which a migration must be able to handle.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(upper(%s)))", [email])


class RegisterView(ApiView):
    authentication_classes = ()
    permission_classes = ()

    def post(self, request: Request) -> Response:
        form = RegisterSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        username, email = form.validated_data["username"], form.validated_data["email"]
        # Not create_user: it would change the name (NFKC).
        user = User(username=username, email=email)
        user.set_password(form.validated_data["password"])
        try:
            with transaction.atomic():
                lock_registration(email)
                if User.objects.filter(username=username).exists():
                    raise ValidationError({"username": ["A user with that username already exists."]})
                if User.objects.filter(email__iexact=email).exists():
                    raise ValidationError({"email": ["A user with that email already exists."]})
                user.save(force_insert=True)
                data = session_data(user)
        except IntegrityError as error:  # the same name, registered concurrently
            raise ValidationError({"username": ["A user with that username already exists."]}) from error
        return Response(data, status=201)


class LoginView(ApiView):
    authentication_classes = ()
    permission_classes = ()

    def post(self, request: Request) -> Response:
        form = LoginSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        # Django also hashes once for an unknown name, so the response time does not disclose which
        # names exist.
        user = authenticate(request, **form.validated_data)
        with transaction.atomic():
            if user is not None:
                user = User.objects.select_for_update(no_key=True).filter(pk=user.pk, is_active=True).first()
            if user is None:
                raise AuthenticationFailed("No active account found with the given credentials")
            data = session_data(user)
            update_last_login(None, user)
        return Response(data)


class RefreshView(ApiView):
    authentication_classes = ()
    permission_classes = ()

    def post(self, request: Request) -> Response:
        form = RefreshSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        token, _ = read_refresh(form.validated_data["refresh"])
        return Response({"access": access_token(token)})


class LogoutView(ApiView):
    def post(self, request: Request) -> Response:
        form = RefreshSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        token, owner = read_refresh(form.validated_data["refresh"])
        if owner.pk != request.user.pk:
            raise InvalidToken(REFUSED)
        token.blacklist()
        return Response(status=204)


class UserView(ApiView):
    def get(self, request: Request) -> Response:
        return Response(user_data(request.user))

    def delete(self, request: Request) -> Response:
        form = DeleteAccountSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        if not request.user.check_password(form.validated_data["password"]):
            raise PermissionDenied("The password is wrong.")
        user_id = request.user.pk
        with transaction.atomic():
            user = User.objects.select_for_update().filter(pk=user_id).first()
            if user is None:  # deleted concurrently
                raise AuthenticationFailed("User not found or inactive")
            OutstandingToken.objects.filter(user=user).delete()  # SimpleJWT would keep them without an owner
            user.delete()
            transaction.on_commit(lambda: media.remove_owner(user_id))
        return Response(status=204)

"""Inputs of the account operations. The operations are in views.py."""

import re
from typing import Any

from django.contrib.auth.models import User
from rest_framework import serializers

from config.rest import TextField

# Django's own rule for usernames: letters and digits of Unicode.
USERNAME = re.compile(r"[\w.@+-]+")


class EmailText(serializers.EmailField, TextField):
    """Django's rule for e-mail addresses, without quoted local parts and address literals.

    The domain is stored in lower case, as by Django's create_user.
    """

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        local, _, domain = text.rpartition("@")
        # Django's pattern ignores case, so two non-ASCII letters match in a local part.
        # normalize_email would strip white space, which is sent by mistake or to imitate another
        # user's address.
        if '"' in local or not local.isascii() or domain.startswith("[") or text != text.strip():
            self.fail("invalid")
        return User.objects.normalize_email(text)


class RegisterSerializer(serializers.Serializer):
    username = TextField(min_length=3, max_length=150)
    email = EmailText(max_length=254)
    password = TextField(min_length=8)
    password2 = TextField()

    def validate_username(self, value: str) -> str:
        if not USERNAME.fullmatch(value):
            raise serializers.ValidationError("Only letters, digits and @.+-_ are allowed.")
        return value

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["password"] != attrs["password2"]:
            raise serializers.ValidationError({"password2": ["The two passwords differ."]})
        return attrs


class LoginSerializer(serializers.Serializer):
    # An empty password is a wrong password, not a malformed request.
    username = TextField(allow_blank=True)
    password = TextField(allow_blank=True)


class RefreshSerializer(serializers.Serializer):
    refresh = TextField()


class DeleteAccountSerializer(serializers.Serializer):
    password = TextField()

"""Django's PBKDF2 hasher with the number of iterations from the environment."""

from django.conf import settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher


class CountedPBKDF2PasswordHasher(PBKDF2PasswordHasher):
    iterations = settings.PASSWORD_ITERATIONS

"""A login does not set last_login.

Cause: SimpleJWT's UPDATE_LAST_LOGIN is off by default. The response does not change.
"""

from typing import Any

from config.wsgi import application  # sets up Django, so it comes first

# isort: split
from django.contrib.auth.models import User
from faults.legacy.lib.fault_mode import PLANTED

from accounts import views

__all__ = ["application"]

original = views.update_last_login


def update_if_asked(sender: Any, user: User, **context: Any) -> None:
    if not PLANTED:
        original(sender, user, **context)


views.update_last_login = update_if_asked

"""An e-mail address that is taken can be registered again in different case.

Cause: filter(email=…) instead of email__iexact. The same spelling is still refused.
"""

from typing import Any

from config.wsgi import application  # sets up Django, so it comes first

# isort: split
from django.contrib.auth.models import User
from django.db.models import QuerySet
from faults.legacy.lib.fault_mode import PLANTED

__all__ = ["application"]

original_filter = User.objects.filter


def by_spelling(*conditions: Any, **fields: Any) -> QuerySet[User]:
    if PLANTED and "email__iexact" in fields:
        fields["email"] = fields.pop("email__iexact")
    return original_filter(*conditions, **fields)


# No other code looks up an account by its e-mail address.
User.objects.filter = by_spelling

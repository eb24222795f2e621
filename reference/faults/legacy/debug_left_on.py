"""An unknown path returns Django's debug page with its URL patterns and settings module.

Cause: DEBUG = True in production. Responses of existing views do not change.
"""

from config.wsgi import application  # sets up Django, so it comes first

# isort: split
from django.conf import settings
from faults.legacy.lib.fault_mode import PLANTED

__all__ = ["application"]

settings.DEBUG = PLANTED

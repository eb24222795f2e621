"""An unknown path is answered with Django's page for developers: its URL patterns, its settings' module.

As by DEBUG = True in production. Answers of views that there are stay as they were.
"""

from config.wsgi import application  # sets Django up, so it comes first

# isort: split
from django.conf import settings
from faults.legacy.lib.fault_mode import PLANTED

__all__ = ["application"]

settings.DEBUG = PLANTED

"""The WSGI application of the legacy reference system.

Importing it has no side effects except Django's setup, so that another module can wrap it.
"""

import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = get_wsgi_application()
get_resolver().url_patterns  # noqa: B018 (loads all views now, once, and not in each worker's first request)

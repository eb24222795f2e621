"""Name and password are accepted with each request, as HTTP's Basic credentials.

As by BasicAuthentication, which stands among DRF's defaults: no login, no token that expires or is revoked.
"""

from config.wsgi import application  # sets Django up, so it comes first

# isort: split
from faults.legacy.lib.fault_mode import PLANTED
from rest_framework.authentication import BasicAuthentication

from accounts.authentication import BearerAuthentication
from config.rest import ApiView

__all__ = ["application"]

ApiView.authentication_classes = [BearerAuthentication, *([BasicAuthentication] if PLANTED else [])]

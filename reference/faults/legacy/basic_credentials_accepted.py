"""HTTP Basic credentials (name and password) are accepted with each request.

Cause: DRF's default authentication classes contain BasicAuthentication. It needs no login and no
token that expires or is revoked.
"""

from config.wsgi import application  # sets up Django, so it comes first

# isort: split
from faults.legacy.lib.fault_mode import PLANTED
from rest_framework.authentication import BasicAuthentication

from accounts.authentication import BearerAuthentication
from config.rest import ApiView

__all__ = ["application"]

ApiView.authentication_classes = [BearerAuthentication, *([BasicAuthentication] if PLANTED else [])]

"""A token that is not yet valid (nbf) is accepted.

Cause: verify_nbf was switched off in the options of jwt.decode because two clocks differed.
"""

from typing import Any

from config.wsgi import application  # sets up Django, so it comes first

# isort: split
from faults.legacy.lib.fault_mode import PLANTED
from rest_framework_simplejwt import backends

__all__ = ["application"]

original = backends.jwt.decode


def decode(*arguments: Any, options: dict[str, Any], **more: Any) -> Any:
    return original(*arguments, options={**options, "verify_nbf": not PLANTED}, **more)


backends.jwt.decode = decode

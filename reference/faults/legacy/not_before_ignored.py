"""A token that is not to be used yet (nbf) is accepted.

As by verify_nbf among the options of jwt.decode, switched off once because two clocks differed.
"""

from typing import Any

from config.wsgi import application  # sets Django up, so it comes first

# isort: split
from faults.legacy.lib.fault_mode import PLANTED
from rest_framework_simplejwt import backends

__all__ = ["application"]

honest = backends.jwt.decode


def decode(*arguments: Any, options: dict[str, Any], **more: Any) -> Any:
    return honest(*arguments, options={**options, "verify_nbf": not PLANTED}, **more)


backends.jwt.decode = decode

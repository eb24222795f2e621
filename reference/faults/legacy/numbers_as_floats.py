"""Filters compare numbers as floating point.

Cause: float(…) instead of Decimal(…). Two different integers above 2**53 are equal, and so are 0.1
and 0.10000000000000000001.
"""

from decimal import Decimal

from config.wsgi import application  # sets up Django, so it comes first

# isort: split
from faults.legacy.lib.fault_mode import PLANTED

from list_cutter import export

__all__ = ["application"]

original = export.number


def rounded(text: str) -> Decimal | float | None:
    value = original(text)
    return value if value is None or not PLANTED else float(text)


export.number = rounded

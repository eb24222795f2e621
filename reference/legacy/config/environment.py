"""The environment variables of the legacy reference system.

Reads and checks them; what they are used for stands in settings.py and gunicorn.conf.py. There are no
defaults for secrets or addresses: a missing one ends the process with one line that names it.
"""

import os


def required(name: str) -> str:
    """The value of an environment variable; ends the process when it is missing or empty."""
    value = os.environ.get(name, "")
    if not value:
        raise SystemExit(f"legacy: the environment variable {name} is missing")
    return value


def require(*names: str) -> None:
    """Ends the process at the first of the names that is missing."""
    for name in names:
        required(name)


def optional_int(name: str, default: int) -> int:
    """A positive whole number; ends the process when it is something else."""
    value = os.environ.get(name, "") or str(default)
    if not (value.isascii() and value.isdigit() and int(value) > 0):
        raise SystemExit(f"legacy: the environment variable {name} must be a positive whole number")
    return int(value)

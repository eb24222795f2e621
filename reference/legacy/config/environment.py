"""Read and check the environment variables of the legacy reference system.

settings.py and gunicorn.conf.py use them. Secrets and addresses have no defaults: a missing one
ends the process with one line that names it.
"""

import os


def required(name: str) -> str:
    """Return the value of an environment variable. End the process if it is missing or empty."""
    value = os.environ.get(name, "")
    if not value:
        raise SystemExit(f"legacy: the environment variable {name} is missing")
    return value


def require(*names: str) -> None:
    """End the process at the first missing name."""
    for name in names:
        required(name)


def optional_int(name: str, default: int) -> int:
    """Return a positive integer. End the process if the value is something else."""
    value = os.environ.get(name, "") or str(default)
    if not (value.isascii() and value.isdigit() and int(value) > 0):
        raise SystemExit(f"legacy: the environment variable {name} must be a positive whole number")
    return int(value)

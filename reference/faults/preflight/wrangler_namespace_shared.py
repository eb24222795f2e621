"""Staging uses the KV namespace of production. Control: another namespace of its own."""

from faults.preflight.lib.wrangler_text import replaced
from surroundings.presented import Presented


def change(presented: Presented, *, planted: bool) -> None:
    """Replace the id of staging's namespace."""
    other = "0f2ac74b498b48028cb68387c421e279" if planted else "9e1f4a7720c84d6bb5a3d8f06c21e754"
    presented.wrangler = replaced(presented.wrangler, "staging", "1a3bd85c509c59139dc79498d532f38a", other)

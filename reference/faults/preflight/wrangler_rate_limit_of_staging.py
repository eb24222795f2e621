"""Staging allows ten times as many requests as production. Control: the same number, written otherwise."""

from faults.preflight.lib.wrangler_text import replaced
from surroundings.presented import Presented


def change(presented: Presented, *, planted: bool) -> None:
    """Change the limit of staging's rate limiter."""
    limit = "1000" if planted else "1_00"
    presented.wrangler = replaced(presented.wrangler, "staging", "limit = 100,", f"limit = {limit},")

"""Staging uses the bucket of production. Control: another bucket of its own."""

from faults.preflight.lib.wrangler_text import replaced
from surroundings.presented import Presented


def change(presented: Presented, *, planted: bool) -> None:
    """Replace the name of staging's bucket."""
    other = "cutty-files-prod" if planted else "cutty-files-rehearsal"
    presented.wrangler = replaced(presented.wrangler, "staging", "cutty-files-staging", other)

"""Staging runs with another compatibility date than production. Control: the same date, repeated."""

from faults.preflight.lib.wrangler_text import replaced
from surroundings.presented import Presented


def change(presented: Presented, *, planted: bool) -> None:
    """Give staging a compatibility date of its own."""
    header, date = "[env.staging]\n", "2023-05-18" if planted else "2024-12-30"
    presented.wrangler = replaced(presented.wrangler, "staging", header, f'{header}compatibility_date = "{date}"\n')

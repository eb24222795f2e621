"""Two routes of production match the same address. Control: the two routes in the other order."""

from faults.preflight.lib.wrangler_text import replaced
from surroundings.presented import Presented

LAST = '  { pattern = "www.list-cutter.com/*", zone_name = "list-cutter.com" },\n'


def change(presented: Presented, *, planted: bool) -> None:
    """Add a route to production, or write the two routes in the other order."""
    first = LAST.replace("www.", "")
    new = LAST + first.replace("/*", "/health") + first if planted else LAST + first
    presented.wrangler = replaced(presented.wrangler, "production", first + LAST, new)

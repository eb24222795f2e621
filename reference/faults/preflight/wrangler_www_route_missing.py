"""No route of production has the name www. Control: the two routes in the other order."""

from faults.preflight.lib.wrangler_text import replaced
from surroundings.presented import Presented

LAST = '  { pattern = "www.list-cutter.com/*", zone_name = "list-cutter.com" },\n'


def change(presented: Presented, *, planted: bool) -> None:
    """Remove the route of www, or write it first."""
    first = LAST.replace("www.", "")
    presented.wrangler = replaced(presented.wrangler, "production", first + LAST, first if planted else LAST + first)

"""A route of production names a zone that does not contain it. Control: literal strings."""

from faults.preflight.lib.wrangler_text import replaced
from surroundings.presented import Presented

ROUTE = '{ pattern = "www.list-cutter.com/*", zone_name = "list-cutter.com" }'


def change(presented: Presented, *, planted: bool) -> None:
    """Change the zone of the route of www, or only its quotes."""
    new = ROUTE.replace('= "list-cutter.com"', '= "list-cutter.org"') if planted else ROUTE.replace('"', "'")
    presented.wrangler = replaced(presented.wrangler, "production", ROUTE, new)

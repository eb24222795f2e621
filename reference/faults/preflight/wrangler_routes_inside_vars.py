"""The routes follow the vars, so TOML makes them one of the vars. Control: they precede them."""

from faults.preflight.lib.wrangler_text import replaced, table
from surroundings.presented import Presented


def change(presented: Presented, *, planted: bool) -> None:
    """Move the routes of production behind its vars, or to its beginning."""
    start = presented.wrangler.index("routes = [\n")
    routes = presented.wrangler[start : presented.wrangler.index("]\n", start) + 2]
    text = replaced(presented.wrangler, "production", routes, "")
    own = table(text, "[env.production.vars]")
    anchor = own.rstrip("\n") + "\n" if planted else "[env.production]\n"
    presented.wrangler = replaced(text, "production", anchor, anchor + routes)

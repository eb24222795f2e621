"""The vars are at the top of the file, which production does not inherit. Control: they are there too."""

from faults.preflight.lib.wrangler_text import replaced, table
from surroundings.presented import Presented, exchanged


def change(presented: Presented, *, planted: bool) -> None:
    """Copy production's vars to the top of the file, and remove the original if planted."""
    own = table(presented.wrangler, "[env.production.vars]")
    top = own.replace("[env.production.vars]", "[vars]")
    text = replaced(presented.wrangler, "production", own, "" if planted else own)
    presented.wrangler = exchanged(text, "[assets]\n", top + "[assets]\n")

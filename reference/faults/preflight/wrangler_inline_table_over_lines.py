"""The vars are an inline table over several lines, as in the plan: not TOML 1.0. Control: in one line."""

from faults.preflight.lib.wrangler_text import replaced, table
from surroundings.presented import Presented


def change(presented: Presented, *, planted: bool) -> None:
    """Write production's vars as an inline table."""
    own = table(presented.wrangler, "[env.production.vars]")
    pairs = own.splitlines()[1:]
    separator = ",\n  " if planted else ", "
    inline = "vars = { " + separator.join(pair for pair in pairs if pair) + " }\n"
    text = replaced(presented.wrangler, "production", own, "")
    presented.wrangler = replaced(text, "production", "[env.production]\n", f"[env.production]\n{inline}")

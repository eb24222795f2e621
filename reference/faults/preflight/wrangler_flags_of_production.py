"""Production runs without the compatibility flag that staging has. Control: the same flag, repeated."""

from faults.preflight.lib.wrangler_text import replaced
from surroundings.presented import Presented


def change(presented: Presented, *, planted: bool) -> None:
    """Give production compatibility flags of its own."""
    header, flags = "[env.production]\n", "[]" if planted else '["nodejs_compat"]'
    presented.wrangler = replaced(presented.wrangler, "production", header, f"{header}compatibility_flags = {flags}\n")

"""There is no environment for the blue version. Control: blue and green in the other order."""

from faults.preflight.lib.wrangler_text import environment
from surroundings.presented import Presented, exchanged


def change(presented: Presented, *, planted: bool) -> None:
    """Remove `[env.blue]`, or move it behind `[env.green]`."""
    blue, green = (environment(presented.wrangler, name) for name in ("blue", "green"))
    presented.wrangler = exchanged(presented.wrangler, blue + green, green if planted else f"{green}\n{blue}")

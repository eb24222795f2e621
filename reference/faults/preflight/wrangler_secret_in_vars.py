"""The key that signs tokens is a var, so everyone who reads the file has it. Control: its algorithm is one."""

from faults.preflight.lib.wrangler_text import ENVIRONMENTS, replaced
from surroundings.presented import Presented

LEAK = 'JWT_SECRET = "q7Zt0vR2mX9sLk4WbN8cYd1HfPgJ6aEu"'
HARMLESS = 'JWT_ALGORITHM = "HS256"'


def change(presented: Presented, *, planted: bool) -> None:
    """Add a var to every environment, so that they still have equal vars."""
    for name in ENVIRONMENTS:
        header = f"[env.{name}.vars]\n"
        added = f"{header}{LEAK if planted else HARMLESS}\n"
        presented.wrangler = replaced(presented.wrangler, name, header, added)
